/** Edits that Salesforce refused for good. */
import { Anchor, Card, Group, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { get, post } from '../api/client'
import type { Done, Failure } from '../api/types'
import { useWords } from '../i18n'
import { Deed, useDeed } from './deed'
import { Answered, Empty } from './states'
import { When } from './when'

export function RefusedEdits() {
  const { t } = useWords()
  const failures = useQuery({ queryKey: ['failures'], queryFn: () => get<Failure[]>('failures', { limit: 500 }) })
  return (
    <Answered query={failures}>
      {(told) =>
        told.length ? (
          <Stack>
            {told.map((one) => (
              <FailureCard key={`${one.table}/${one.record}`} failure={one} />
            ))}
          </Stack>
        ) : (
          <Empty>{t.failures.noRefused}</Empty>
        )
      }
    </Answered>
  )
}

function FailureCard({ failure }: { failure: Failure }) {
  const { t, fill, number } = useWords()
  const name = `${failure.object} ${failure.record}`
  const chosen = { object: failure.table, record: failure.record }
  const retry = useDeed(() => post<Done>('failures/retry', chosen), (done) => fill(t.failures.retried, { count: number(done.done) }))
  const ignore = useDeed(
    (why: string) => post<Done>('failures/ignore', { ...chosen, why }),
    (done) => fill(t.failures.ignored, { count: number(done.done) }),
  )
  return (
    <Card withBorder padding="sm" data-failure={failure.record}>
      <Group justify="space-between" align="flex-start">
        <div className="grow">
          <Anchor href={`#/records/${encodeURIComponent(failure.object)}|${encodeURIComponent(failure.record)}`}>{name}</Anchor>
          <Text size="sm">
            {failure.reason}
            {failure.detail && `: ${failure.detail}`}
          </Text>
          {failure.hint && <Text size="sm">{failure.hint}</Text>}
          <Text size="sm" c="dimmed">
            <When at={failure.since} />, {fill(t.failures.attempts, { count: failure.attempts })}
            {failure.edited_again && `, ${t.failures.editedAgain}`}
          </Text>
        </div>
        <Group gap="xs">
          <Deed label={t.failures.retry} name={name} busy={retry.isPending} deed={() => retry.mutate(undefined)} />
          <Deed label={t.failures.ignore} name={name} what={t.failures.ignoreWhat} why busy={ignore.isPending} deed={(why) => ignore.mutate(why)} />
        </Group>
      </Group>
    </Card>
  )
}
