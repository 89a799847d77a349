/** First loads, comparisons of both sides, and what changed in the org. */
import { Card, Group, Progress, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { get, post } from '../api/client'
import type { Backfill, Comparison, Drift } from '../api/types'
import { useWords } from '../i18n'
import { Deed, useDeed } from './deed'
import { Answered, Empty } from './states'
import { When } from './when'

export function Loads() {
  const { t } = useWords()
  const backfills = useQuery({ queryKey: ['backfills'], queryFn: () => get<Backfill[]>('backfills') })
  const comparisons = useQuery({ queryKey: ['comparisons'], queryFn: () => get<Comparison[]>('reconciliations', { limit: 10 }) })
  const drift = useQuery({ queryKey: ['drift'], queryFn: () => get<Drift[]>('schema-drift') })
  return (
    <>
      <Title order={3}>{t.loads.backfills}</Title>
      <Answered query={backfills}>
        {(told) => (told.length ? told.map((one) => <BackfillCard key={one.backfill} held={one} />) : <Empty>{t.loads.noBackfills}</Empty>)}
      </Answered>
      <Title order={3}>{t.loads.comparisons}</Title>
      <Answered query={comparisons}>
        {(told) => (told.length ? told.map((one) => <ComparisonCard key={one.id} held={one} />) : <Empty>{t.loads.noComparisons}</Empty>)}
      </Answered>
      <Title order={3}>{t.loads.drift}</Title>
      <Answered query={drift}>
        {(told) => (told.length ? told.map((one) => <DriftCard key={one.id} held={one} />) : <Empty>{t.loads.noDrift}</Empty>)}
      </Answered>
    </>
  )
}

function BackfillCard({ held }: { held: Backfill }) {
  const { t, fill, number } = useWords()
  const name = `${held.object} ${held.backfill}`
  const order = (what: string) => post<Backfill>(`backfills/${held.backfill}/${what}`)
  const told = (one: Backfill) => `${one.object}: ${one.state}`
  const pause = useDeed(() => order('pause'), told)
  const resume = useDeed(() => order('resume'), told)
  const cancel = useDeed(() => order('cancel'), told)
  const open = ['asking', 'running', 'paused'].includes(held.state)
  return (
    <Card withBorder padding="sm" data-backfill={held.backfill}>
      <Group justify="space-between">
        <div>
          <Text>
            {held.object}, {t.direction[held.direction]}
          </Text>
          <Text size="sm" c="dimmed">
            {fill(t.loads.loaded, { done: number(held.done), records: held.records === null ? '?' : number(held.records), state: held.state })},{' '}
            <When at={held.since} />
          </Text>
          {held.last_error && <Text size="sm">{held.last_error}</Text>}
        </div>
        {open && (
          <Group gap="xs">
            {held.state === 'paused' ? (
              <Deed label={t.mappings.resume} name={name} busy={resume.isPending} deed={() => resume.mutate(undefined)} />
            ) : (
              <Deed label={t.mappings.pause} name={name} busy={pause.isPending} deed={() => pause.mutate(undefined)} />
            )}
            <Deed label={t.loads.cancel} name={name} busy={cancel.isPending} deed={() => cancel.mutate(undefined)} />
          </Group>
        )}
      </Group>
      {held.records ? <Progress value={(held.done / held.records) * 100} aria-label={name} mt="xs" /> : null}
    </Card>
  )
}

function ComparisonCard({ held }: { held: Comparison }) {
  const { t, fill, number } = useWords()
  const found = { kind: held.kind, compared: number(held.compared), missing: number(held.missing), older: number(held.older), gone: number(held.gone) }
  return (
    <Card withBorder padding="sm" data-comparison={held.id}>
      <Text>
        {held.object}, {held.state}
      </Text>
      <Text size="sm" c="dimmed">
        {fill(t.loads.compared, found)}, <When at={held.started_at} />
      </Text>
      {held.last_error && <Text size="sm">{held.last_error}</Text>}
    </Card>
  )
}

function DriftCard({ held }: { held: Drift }) {
  const { t } = useWords()
  return (
    <Card withBorder padding="sm" data-drift={held.id}>
      <Stack gap={2}>
        <Text>
          {held.object}.{held.field}: {held.what}
        </Text>
        <Text size="sm">{held.detail}</Text>
        <Text size="sm" c="dimmed">
          <When at={held.seen_at} />, {t.loads.decide}
        </Text>
      </Stack>
    </Card>
  )
}
