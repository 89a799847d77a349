/** Is it well, how far behind, what failed: answered in five seconds. */
import { Alert, Anchor, Button, Card, Group, Paper, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { get, post } from '../api/client'
import type { Check, Done, Overview as Told, Standing } from '../api/types'
import { useWords } from '../i18n'
import { Deed, useDeed } from '../parts/deed'
import { Mark } from '../parts/mark'
import { Answered, Empty } from '../parts/states'
import { TrendChart } from '../parts/trend-chart'
import { When } from '../parts/when'

const HOW = { ok: 'good', warning: 'poor', trouble: 'bad' } as const

/** Where a check is looked into. */
const PLACES: Record<string, string> = {
  mappings_paused: '#/mappings', waiting: '#/records', failures: '#/failures/refused', letters: '#/failures/letters',
  held_deletions: '#/failures/deletions', conflicts: '#/failures/conflicts', stopped_fields: '#/operations', api_limit: '#/operations', drift: '#/operations',
}

export function Overview() {
  const overview = useQuery({ queryKey: ['overview'], queryFn: () => get<Told>('overview') })
  return <Answered query={overview}>{(told) => <Shown told={told} />}</Answered>
}

function Shown({ told }: { told: Told }) {
  const { t, fill, ago, moment } = useWords()
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2}>{t.overview.title}</Title>
        <Switch paused={told.paused !== null} />
      </Group>
      <Paper withBorder p="lg" role="status">
        <Group justify="space-between">
          <Group>
            <Mark how={HOW[told.state]}>{t.state[told.state]}</Mark>
          </Group>
          <Text size="sm" c="dimmed">
            {fill(t.overview.asOf, { when: moment(told.at) })}
          </Text>
        </Group>
      </Paper>
      {told.paused && (
        <Alert variant="default" title={t.check.paused}>
          {fill(t.overview.pausedBy, { when: ago(told.paused.paused_at), who: told.paused.paused_by ?? '', why: told.paused.paused_why ?? '' })}
        </Alert>
      )}
      <Title order={3}>{t.overview.checks}</Title>
      <SimpleGrid cols={{ base: 2, md: 3, xl: 5 }} component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
        {told.checks.map((check) => (
          <CheckCard key={check.check} check={check} now={told.at} />
        ))}
      </SimpleGrid>
      <Title order={3}>{t.overview.mappings}</Title>
      {told.mappings.length ? (
        <Standings rows={told.mappings} now={told.at} />
      ) : (
        <Empty action={<Button component="a" href="#/mappings/new">{t.overview.mapFirst}</Button>}>{t.overview.noMappings}</Empty>
      )}
      <Title order={3}>{t.overview.lastDay}</Title>
      <TrendChart query={{ interval_hours: 24, group_by_interval: '1 hour', timezone: zone }} />
    </Stack>
  )
}

function CheckCard({ check, now }: { check: Check; now: string }) {
  const { t, number } = useWords()
  const name = t.check[check.check as keyof typeof t.check] ?? check.check
  const place = PLACES[check.check]
  return (
    <Card withBorder component="li" padding="sm" data-check={check.check} data-state={check.state}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Text size="sm" className="grow">
          {place && check.count > 0 ? <Anchor href={place}>{name}</Anchor> : name}
        </Text>
        <Mark how={HOW[check.state]}>{check.count ? number(check.count) : t.overview.fine}</Mark>
      </Group>
      {check.since && (
        <Text size="xs" c="dimmed">
          <When at={check.since} from={now} />
        </Text>
      )}
      {check.detail && (
        <Text size="xs" className="grow">
          {check.detail}
        </Text>
      )}
    </Card>
  )
}

function Standings({ rows, now }: { rows: Standing[]; now: string }) {
  const { t, number } = useWords()
  return (
    <Table.ScrollContainer minWidth={720} tabIndex={0}>
      <Table verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            {[t.overview.object, t.direction.SF_TO_PG, t.direction.PG_TO_SF, t.overview.waiting, t.overview.failed, t.overview.state].map((head) => (
              <Table.Th key={head} scope="col">
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.id} data-object={row.object}>
              <Table.Th scope="row">
                <Anchor href={`#/mappings/${row.id}`}>{row.object}</Anchor>
                <Text size="xs" c="dimmed" fw={400}>
                  {row.table}
                </Text>
              </Table.Th>
              <Table.Td>
                <LagCell row={row} way="SF_TO_PG" now={now} />
              </Table.Td>
              <Table.Td>
                <LagCell row={row} way="PG_TO_SF" now={now} />
              </Table.Td>
              <Table.Td>
                {number(row.waiting)}
                {row.waiting_since && (
                  <Text size="xs" c="dimmed">
                    <When at={row.waiting_since} from={now} />
                  </Text>
                )}
              </Table.Td>
              <Table.Td>{row.failed + row.dead_letters > 0 ? <Anchor href="#/failures">{number(Math.max(row.failed, row.dead_letters))}</Anchor> : 0}</Table.Td>
              <Table.Td>
                <Mark how={row.state === 'active' ? 'good' : 'poor'}>{t.overview[row.state]}</Mark>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

function LagCell({ row, way, now }: { row: Standing; way: 'SF_TO_PG' | 'PG_TO_SF'; now: string }) {
  const { t, fill, number, took } = useWords()
  const lag = row.lag[way]
  if (row.direction !== 'BIDIRECTIONAL' && row.direction !== way) return <>–</>
  if (!lag) return <>{t.never}</>
  return (
    <>
      <When at={lag.arrived_at} from={now} />
      <Text size="xs" c="dimmed">
        {lag.lag_ms !== null && lag.lag_ms >= 0 && `${fill(t.overview.lag, { time: took(lag.lag_ms) })}; `}
        {fill(t.overview.today, { count: number(lag.arrived_today) })}
      </Text>
    </>
  )
}

function Switch({ paused }: { paused: boolean }) {
  const { t } = useWords()
  const pause = useDeed((why: string) => post<Done>('pause', { why }), () => t.check.paused)
  const resume = useDeed(() => post<Done>('resume'), () => t.overview.resumeAll)
  if (paused) return <Deed label={t.overview.resumeAll} busy={resume.isPending} deed={() => resume.mutate(undefined)} variant="filled" />
  return <Deed label={t.overview.pauseAll} what={t.overview.pauseWhat} why busy={pause.isPending} deed={(why) => pause.mutate(why)} />
}
