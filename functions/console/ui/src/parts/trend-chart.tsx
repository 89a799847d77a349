/** Records that arrived, as bars or as a table: the same numbers for everybody. */
import { BarChart } from '@mantine/charts'
import { Button, Group, Stack, Table, Text } from '@mantine/core'
import { useToggle } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { get } from '../api/client'
import type { Bucket } from '../api/types'
import { useWords, type Wording } from '../i18n'
import { Answered } from './states'

type Query = Record<string, string | number | null | undefined> & { interval_hours: number; group_by_interval: string; timezone: string }

export function TrendChart({ query }: { query: Query }) {
  const trends = useQuery({
    queryKey: ['trends', query],
    queryFn: () => get<Bucket[]>('sync-metrics/trends', query),
    placeholderData: keepPreviousData,
  })
  return <Answered query={trends}>{(buckets) => <Drawn buckets={buckets} query={query} />}</Answered>
}

/** A bucket's time as its own zone tells it: the offset is in it. */
function label(time: string, query: Query, { language }: Wording): string {
  const days = /day|week/.test(query.group_by_interval)
  const more: Intl.DateTimeFormatOptions = days
    ? { month: 'short', day: 'numeric' }
    : query.interval_hours > 24
      ? { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' }
      : { hour: '2-digit', minute: '2-digit' }
  return new Intl.DateTimeFormat(language, { ...more, timeZone: query.timezone, hourCycle: 'h23' }).format(new Date(time))
}

function Drawn({ buckets, query }: { buckets: Bucket[]; query: Query }) {
  const words = useWords()
  const { t, fill, number } = words
  const [shape, toggle] = useToggle<'chart' | 'table'>(['chart', 'table'])
  const total = buckets.reduce((sum, b) => sum + b.SF_TO_PG + b.PG_TO_SF, 0)
  const data = buckets.map((b) => ({ ...b, label: label(b.time, query, words) }))
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Text size="sm" data-total={total}>
          {total ? fill(t.trends.total, { count: number(total) }) : t.trends.quiet}
        </Text>
        <Button size="compact-sm" variant="default" onClick={() => toggle()}>
          {shape === 'chart' ? t.trends.asTable : t.trends.asChart}
        </Button>
      </Group>
      {shape === 'chart' ? (
        <div role="img" aria-label={`${t.trends.chart}. ${fill(t.trends.total, { count: number(total) })}`}>
          <BarChart
            h={280}
            data={data}
            dataKey="label"
            type="stacked"
            withLegend
            valueFormatter={number}
            xAxisProps={{ minTickGap: 24 }}
            yAxisProps={{ allowDecimals: false }}
            barChartProps={{ accessibilityLayer: false }}
            series={[
              { name: 'SF_TO_PG', label: t.direction.SF_TO_PG, color: 'cyan.8' },
              { name: 'PG_TO_SF', label: t.direction.PG_TO_SF, color: 'orange.7' },
            ]}
          />
        </div>
      ) : (
        <Table.ScrollContainer minWidth={360} mah={360} tabIndex={0}>
          <Table stickyHeader>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{t.trends.time}</Table.Th>
                <Table.Th scope="col">{t.direction.SF_TO_PG}</Table.Th>
                <Table.Th scope="col">{t.direction.PG_TO_SF}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {data.map((b) => (
                <Table.Tr key={b.time}>
                  <Table.Th scope="row">{b.label}</Table.Th>
                  <Table.Td>{number(b.SF_TO_PG)}</Table.Td>
                  <Table.Td>{number(b.PG_TO_SF)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Stack>
  )
}
