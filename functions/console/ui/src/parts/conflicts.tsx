/** Fields that both sides wrote: all three values, and whose stands. */
import { Anchor, Card, Group, SimpleGrid, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { get, post } from '../api/client'
import type { Conflict, Replayed } from '../api/types'
import { useWords } from '../i18n'
import { Deed, useDeed } from './deed'
import { Mark } from './mark'
import { Answered, Empty } from './states'
import { When } from './when'

export function Conflicts() {
  const { t } = useWords()
  const conflicts = useQuery({ queryKey: ['conflicts'], queryFn: () => get<Conflict[]>('conflicts', { limit: 500 }) })
  return (
    <Answered query={conflicts}>
      {(told) =>
        told.length ? (
          <Stack>
            {told.map((one) => (
              <ConflictCard key={one.id} conflict={one} />
            ))}
          </Stack>
        ) : (
          <Empty>{t.failures.noConflicts}</Empty>
        )
      }
    </Answered>
  )
}

function ConflictCard({ conflict }: { conflict: Conflict }) {
  const { t, fill } = useWords()
  const name = `${conflict.object} ${conflict.record} ${conflict.field}`
  const resolve = useDeed(
    (take: 'postgres' | 'salesforce') => post<Replayed[]>('conflicts/resolve', { ids: [conflict.id], take }),
    (ended) => fill(t.failures.resolved, { words: ended.map((one) => one.words).join('; ') }),
  )
  return (
    <Card withBorder padding="sm" data-conflict={conflict.id}>
      <Group justify="space-between">
        <Anchor href={`#/records/${encodeURIComponent(conflict.object)}|${encodeURIComponent(conflict.record)}`}>{name}</Anchor>
        <Text size="sm" c="dimmed">
          <When at={conflict.since} />, {t.policy[conflict.policy]}
        </Text>
      </Group>
      <SimpleGrid cols={{ base: 1, sm: 3 }} mt="xs">
        <div>
          <Text size="sm" c="dimmed">
            {t.failures.before}
          </Text>
          <Text className="grow">{conflict.old ?? '–'}</Text>
        </div>
        {(['postgres', 'salesforce'] as const).map((side) => (
          <div key={side}>
            <Group gap="xs">
              <Text size="sm" c="dimmed">
                {t.failures[side]}
              </Text>
              {conflict.winner === side && <Mark how="good">{t.failures.stands}</Mark>}
            </Group>
            <Text className="grow">{conflict[side] ?? '–'}</Text>
            <Deed label={t.failures.take} name={`${name}, ${t.failures[side]}`} mt="xs" busy={resolve.isPending} deed={() => resolve.mutate(side)} />
          </div>
        ))}
      </SimpleGrid>
    </Card>
  )
}
