/** Values as they are kept, for people who read JSON. */
import { Code, Spoiler } from '@mantine/core'
import { useWords } from '../i18n'

export function Values({ of: value }: { of: unknown }) {
  const { t } = useWords()
  return (
    <Spoiler maxHeight={160} showLabel={t.more} hideLabel={t.cancel}>
      <Code block tabIndex={0} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
        {JSON.stringify(value, null, 2)}
      </Code>
    </Spoiler>
  )
}
