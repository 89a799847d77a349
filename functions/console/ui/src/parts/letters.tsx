/** Dead letters, grouped by reason; each can be looked into, replayed, given up. */
import { Anchor, Button, Card, Group, Stack, Text, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { get, post } from '../api/client'
import type { Done, Letter, Reason, Replayed, WholeLetter } from '../api/types'
import { useWords } from '../i18n'
import { Deed, useDeed } from './deed'
import { Answered, Empty } from './states'
import { Values } from './values'
import { When } from './when'

type Chosen = { ids: number[] } | { reason: string }

export function Letters() {
  const { t } = useWords()
  const reasons = useQuery({ queryKey: ['letters', 'by-reason'], queryFn: () => get<Reason[]>('dead-letters/by-reason') })
  return (
    <Answered query={reasons}>
      {(told) =>
        told.length ? (
          <Stack>
            {told.map((one) => (
              <ReasonCard key={one.reason} reason={one} />
            ))}
          </Stack>
        ) : (
          <Empty>{t.failures.noLetters}</Empty>
        )
      }
    </Answered>
  )
}

function Decisions({ chosen, count, name }: { chosen: Chosen; count: number; name: string }) {
  const { t, fill, number } = useWords()
  const replay = useDeed(
    () => post<Replayed[]>('dead-letters/replay', chosen),
    (ended) => {
      const done = ended.filter((one) => one.done).length
      const words = ended.filter((one) => !one.done).map((one) => one.words)
      return [fill(t.failures.replayed, { done: number(done), count: number(ended.length) }), ...new Set(words)].join('. ')
    },
  )
  const discard = useDeed(
    () => post<Done>('dead-letters/discard', chosen),
    (done) => [fill(t.failures.discarded, { count: number(done.done) }), ...done.notes].join('. '),
  )
  const many = count > 1
  return (
    <Group gap="xs">
      <Deed
        label={many ? fill(t.failures.replayAll, { count: number(count) }) : t.failures.replay}
        name={name}
        busy={replay.isPending}
        deed={() => replay.mutate(undefined)}
      />
      <Deed
        label={many ? fill(t.failures.discardAll, { count: number(count) }) : t.failures.discard}
        name={name}
        what={t.failures.discardWhat}
        busy={discard.isPending}
        deed={() => discard.mutate(undefined)}
      />
    </Group>
  )
}

function ReasonCard({ reason }: { reason: Reason }) {
  const { t, number } = useWords()
  const [opened, { toggle }] = useDisclosure()
  return (
    <Card withBorder data-reason={reason.reason}>
      <Group justify="space-between" align="flex-start">
        <div>
          <Title order={3} size="h4">
            {reason.reason} ({number(reason.letters)})
          </Title>
          <Text size="sm">{reason.hint}</Text>
          <Text size="sm" c="dimmed">
            <When at={reason.oldest} /> – <When at={reason.newest} />
          </Text>
        </div>
        <Decisions chosen={{ reason: reason.reason }} count={reason.letters} name={reason.reason} />
      </Group>
      <Button variant="subtle" size="compact-sm" mt="xs" onClick={toggle} aria-expanded={opened} style={{ alignSelf: 'start' }}>
        {opened ? t.failures.hideAll : t.failures.showAll}
      </Button>
      {opened && <LettersOf reason={reason.reason} />}
    </Card>
  )
}

function LettersOf({ reason }: { reason: string }) {
  const letters = useQuery({ queryKey: ['letters', 'kept'], queryFn: () => get<Letter[]>('dead-letters', { limit: 1000 }) })
  return (
    <Answered query={letters}>
      {(told) => (
        <Stack gap="xs" mt="xs">
          {told
            .filter((one) => one.reason === reason)
            .map((one) => (
              <LetterCard key={one.id} letter={one} />
            ))}
        </Stack>
      )}
    </Answered>
  )
}

function LetterCard({ letter }: { letter: Letter }) {
  const { t, fill } = useWords()
  const [opened, { toggle }] = useDisclosure()
  const whole = useQuery({ queryKey: ['letters', letter.id], queryFn: () => get<WholeLetter>(`dead-letters/${letter.id}`), enabled: opened })
  const name = `${letter.sobject ?? letter.topic} ${letter.record_id ?? letter.id}`
  return (
    <Card withBorder padding="sm" data-letter={letter.id}>
      <Group justify="space-between" align="flex-start">
        <div className="grow">
          {letter.sobject && letter.record_id ? (
            <Anchor href={`#/records/${encodeURIComponent(letter.sobject)}|${encodeURIComponent(letter.record_id)}`}>{name}</Anchor>
          ) : (
            <Text>{name}</Text>
          )}
          {letter.detail && <Text size="sm">{letter.detail}</Text>}
          <Text size="sm" c="dimmed">
            <When at={letter.updated_at} />, {fill(t.failures.attempts, { count: letter.attempts })}
          </Text>
        </div>
        <Group gap="xs">
          <Button size="xs" variant="default" onClick={toggle} aria-expanded={opened} aria-label={`${t.failures.show}: ${name}`}>
            {t.failures.show}
          </Button>
          <Decisions chosen={{ ids: [letter.id] }} count={1} name={name} />
        </Group>
      </Group>
      {opened && <Answered query={whole}>{(told) => <Values of={told.payload} />}</Answered>}
    </Card>
  )
}
