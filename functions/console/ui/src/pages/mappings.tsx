/** Every mapping, paused and resumed from here. */
import { Anchor, Button, Card, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { get, post, remove } from '../api/client'
import type { Backfill, Done, SyncConfig } from '../api/types'
import { useWords } from '../i18n'
import { Deed, useDeed } from '../parts/deed'
import { Mark } from '../parts/mark'
import { useMayChange } from '../parts/person'
import { Answered, Empty } from '../parts/states'

export function Mappings() {
  const { t } = useWords()
  const mayChange = useMayChange()
  const mapped = useQuery({ queryKey: ['sync-configs'], queryFn: () => get<SyncConfig[]>('sync-configs') })
  const make = mayChange && (
    <Button component="a" href="#/mappings/new">
      {t.mappings.new}
    </Button>
  )
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2}>{t.mappings.title}</Title>
        {make}
      </Group>
      <Answered query={mapped}>
        {(held) =>
          held.length ? (
            <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }} component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
              {held.map((one) => (
                <MappingCard key={one.id} held={one} />
              ))}
            </SimpleGrid>
          ) : (
            <Empty action={make}>{t.overview.noMappings}</Empty>
          )
        }
      </Answered>
    </Stack>
  )
}

function MappingCard({ held }: { held: SyncConfig }) {
  const { t, fill, number } = useWords()
  const name = held.sf_object_name
  const pause = useDeed((why: string) => post(`sync-configs/${held.id}/pause`, { why }), () => `${name}: ${t.overview.paused}`)
  const resume = useDeed(() => post(`sync-configs/${held.id}/resume`), () => `${name}: ${t.overview.active}`)
  const load = useDeed(
    () => post<Backfill>('backfills', { object: held.pg_table_name }),
    () => fill(t.loads.started, { object: name }),
  )
  const forget = useDeed(
    () => remove<Done>(`sync-configs/${held.id}`, { version: held.version }),
    (done) => `${fill(t.mappings.forgotten, { object: name })} ${done.done ? fill(t.mappings.unsent, { count: number(done.done) }) : ''}`,
  )
  return (
    <Card withBorder component="li" data-object={name}>
      <Group justify="space-between">
        <Title order={3} size="h4">
          <Anchor href={`#/mappings/${held.id}`} inherit>
            {name}
          </Anchor>
        </Title>
        <Mark how={held.is_active ? 'good' : 'poor'}>{held.is_active ? t.overview.active : t.overview.paused}</Mark>
      </Group>
      <Text size="sm" className="grow">
        {held.pg_table_name}
      </Text>
      <Text size="sm" c="dimmed">
        {t.direction[held.sync_direction]}, {fill(t.mappings.someFields, { count: held.fields.length })}, {t.policy[held.conflict_policy]}
      </Text>
      {held.filter && (
        <Text size="sm" c="dimmed" className="grow">
          {t.mappings.filter}: {held.filter}
        </Text>
      )}
      {!held.is_active && held.paused_by && (
        <Text size="sm">{fill(t.mappings.pausedBy, { who: held.paused_by, why: held.paused_why })}</Text>
      )}
      <Group mt="md" gap="xs">
        {held.is_active ? (
          <Deed label={t.mappings.pause} name={name} what={t.overview.pauseWhat} why busy={pause.isPending} deed={(why) => pause.mutate(why)} />
        ) : (
          <Deed label={t.mappings.resume} name={name} busy={resume.isPending} deed={() => resume.mutate(undefined)} />
        )}
        <Deed label={t.loads.load} name={name} busy={load.isPending} deed={() => load.mutate(undefined)} />
        <Deed
          label={t.mappings.delete}
          name={name}
          what={fill(t.mappings.deleteWhat, { table: held.pg_table_name })}
          busy={forget.isPending}
          deed={() => forget.mutate(undefined)}
        />
      </Group>
    </Card>
  )
}
