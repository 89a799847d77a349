/** How much arrived, by object and direction. */
import { Select, SimpleGrid, Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { get } from '../api/client'
import type { SyncConfig } from '../api/types'
import { useWords } from '../i18n'
import { TrendChart } from '../parts/trend-chart'

const PERIODS = [6, 24, 72, 168, 720, 2160]
const STEPS = ['5 minutes', '15 minutes', '30 minutes', '1 hour', '3 hours', '6 hours', '12 hours', '1 day', '1 week'] as const
const HOURS: Record<(typeof STEPS)[number], number> = {
  '5 minutes': 1 / 12, '15 minutes': 1 / 4, '30 minutes': 1 / 2, '1 hour': 1, '3 hours': 3, '6 hours': 6, '12 hours': 12, '1 day': 24,
  '1 week': 168,
}
const MOST_BARS = 300

export function Trends() {
  const { t, fill } = useWords()
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone
  const zones = [...new Set([here, 'Asia/Seoul', 'UTC', ...Intl.supportedValuesOf('timeZone')])]
  const [object, setObject] = useState<string | null>(null)
  const [direction, setDirection] = useState<string | null>(null)
  const [hours, setHours] = useState('24')
  const [step, setStep] = useState<string>('1 hour')
  const [zone, setZone] = useState(here)
  const mapped = useQuery({ queryKey: ['sync-configs'], queryFn: () => get<SyncConfig[]>('sync-configs') })
  const fitting = STEPS.filter((s) => Number(hours) / HOURS[s] <= MOST_BARS && HOURS[s] <= Number(hours))
  const chosen = fitting.find((s) => s === step) ?? fitting.find((s) => HOURS[s] >= 1) ?? fitting[0] ?? '1 hour'
  return (
    <Stack>
      <Title order={2}>{t.trends.title}</Title>
      <SimpleGrid cols={{ base: 1, xs: 2, lg: 5 }}>
        <Select
          label={t.trends.object}
          placeholder={t.trends.every}
          clearable
          clearButtonProps={{ 'aria-label': t.trends.every }}
          data={[...new Set(mapped.data?.map((m) => m.sf_object_name) ?? [])]}
          value={object}
          onChange={setObject}
        />
        <Select
          label={t.trends.direction}
          placeholder={t.trends.both}
          clearable
          clearButtonProps={{ 'aria-label': t.trends.both }}
          data={(['SF_TO_PG', 'PG_TO_SF'] as const).map((value) => ({ value, label: t.direction[value] }))}
          value={direction}
          onChange={setDirection}
        />
        <Select
          label={t.trends.period}
          allowDeselect={false}
          data={PERIODS.map((h) => ({
            value: String(h),
            label: h <= 72 ? fill(t.trends.hours, { count: h }) : fill(t.trends.days, { count: h / 24 }),
          }))}
          value={hours}
          onChange={(value) => value && setHours(value)}
        />
        <Select
          label={t.trends.group}
          allowDeselect={false}
          data={fitting.map((value) => ({ value, label: t.trends.step[value] }))}
          value={chosen}
          onChange={(value) => value && setStep(value)}
        />
        <Select label={t.trends.zone} allowDeselect={false} searchable data={zones} value={zone} onChange={(value) => value && setZone(value)} />
      </SimpleGrid>
      <TrendChart
        query={{ sf_object_name: object, direction, interval_hours: Number(hours), group_by_interval: chosen, timezone: zone }}
      />
    </Stack>
  )
}
