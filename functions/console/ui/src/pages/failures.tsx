/** What failed, why, and what to do about it. */
import { Stack, Tabs, Title } from '@mantine/core'
import { useHash } from '@mantine/hooks'
import { useWords } from '../i18n'
import { Conflicts } from '../parts/conflicts'
import { HeldDeletions } from '../parts/held-deletions'
import { Letters } from '../parts/letters'
import { RefusedEdits } from '../parts/refused-edits'

const TABS = ['letters', 'refused', 'conflicts', 'deletions'] as const

export function Failures() {
  const { t } = useWords()
  const [hash, setHash] = useHash({ getInitialValueInEffect: false })
  const asked = hash.split('/')[2]
  const tab = TABS.find((name) => name === asked) ?? 'letters'
  return (
    <Stack>
      <Title order={2}>{t.failures.title}</Title>
      <Tabs value={tab} onChange={(name) => setHash(`#/failures/${name}`)} keepMounted={false}>
        <Tabs.List>
          {TABS.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {t.failures[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="letters" pt="md">
          <Letters />
        </Tabs.Panel>
        <Tabs.Panel value="refused" pt="md">
          <RefusedEdits />
        </Tabs.Panel>
        <Tabs.Panel value="conflicts" pt="md">
          <Conflicts />
        </Tabs.Panel>
        <Tabs.Panel value="deletions" pt="md">
          <HeldDeletions />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  )
}
