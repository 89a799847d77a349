/** Mass deletions that wait for a person. */
import { Card, Group, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { get, post } from '../api/client'
import type { Done, Held } from '../api/types'
import { useWords } from '../i18n'
import { Deed, useDeed } from './deed'
import { Answered, Empty } from './states'
import { When } from './when'

export function HeldDeletions() {
  const { t } = useWords()
  const held = useQuery({ queryKey: ['held'], queryFn: () => get<Held[]>('held-deletions') })
  return (
    <Answered query={held}>
      {(told) =>
        told.length ? (
          <Stack>
            {told.map((one) => (
              <HeldCard key={`${one.table} ${one.road}`} held={one} />
            ))}
          </Stack>
        ) : (
          <Empty>{t.failures.noDeletions}</Empty>
        )
      }
    </Answered>
  )
}

function HeldCard({ held }: { held: Held }) {
  const { t, fill, number } = useWords()
  const count = number(held.deletions)
  const here = held.road === 'to Postgres'
  const allow = useDeed(
    (why: string) => post<Done>('held-deletions/allow', { object: held.table, road: held.road, why }),
    (done) => fill(t.failures.allowed, { count: number(done.done) }),
  )
  const refuse = useDeed(
    (why: string) => post<Done>('held-deletions/refuse', { object: held.table, road: held.road, why }),
    (done) => fill(here ? t.failures.kept : t.failures.taken, { count: number(done.done) }),
  )
  return (
    <Card withBorder data-held={held.table}>
      <Group justify="space-between">
        <div>
          <Text>{fill(t.failures.held, { count, table: held.table, road: t.failures.road[held.road] })}</Text>
          <Text size="sm" c="dimmed">
            <When at={held.held_since} />
          </Text>
        </div>
        <Group gap="xs">
          <Deed label={here ? t.failures.allowHere : t.failures.allow} name={held.table} what={fill(here ? t.failures.allowHereWhat : t.failures.allowWhat, { count })} why busy={allow.isPending} deed={(why) => allow.mutate(why)} />
          <Deed label={here ? t.failures.refuseHere : t.failures.refuse} name={held.table} why busy={refuse.isPending} deed={(why) => refuse.mutate(why)} />
        </Group>
      </Group>
    </Card>
  )
}
