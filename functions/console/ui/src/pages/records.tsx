/** Edits in the change log, and what happened to one record. */
import { Anchor, Button, Card, Group, Select, Stack, Text, TextInput, Timeline, Title } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { get } from '../api/client'
import type { Edit, Edits, Step, SyncConfig } from '../api/types'
import { useWords, type Wording } from '../i18n'
import { Mark } from '../parts/mark'
import { Answered, Empty, ErrorState, Loading } from '../parts/states'
import { Values } from '../parts/values'
import { When } from '../parts/when'

const STATES = ['new', 'claimed', 'sending', 'retry', 'done', 'merged', 'failed', 'ignored']
const HOW = { done: 'good', failed: 'bad', retry: 'poor', ignored: 'plain', merged: 'plain', buried: 'bad', conflicted: 'poor', applied: 'good', echoed: 'good' } as const

/** A state or a step in words. */
function state(t: Wording['t'], name: string): string {
  return (t.records.states as Record<string, string>)[name] ?? name
}

/** `Account|key` out of the address. */
function read(asked: string | undefined): [string | null, string] {
  const [object, record] = (asked ?? '').split('|').map(decodeURIComponent)
  return [object || null, record ?? '']
}

export function Records({ asked }: { asked: string | undefined }) {
  const { t } = useWords()
  const [object, record] = read(asked)
  const mapped = useQuery({ queryKey: ['sync-configs'], queryFn: () => get<SyncConfig[]>('sync-configs') })
  return (
    <Stack>
      <Title order={2}>{t.records.title}</Title>
      <Answered query={mapped}>
        {(held) =>
          held.length ? (
            <Search key={asked} objects={[...new Set(held.map((m) => m.sf_object_name))]} object={object} record={record} />
          ) : (
            <Empty>{t.records.noObject}</Empty>
          )
        }
      </Answered>
    </Stack>
  )
}

function Search({ objects, object, record }: { objects: string[]; object: string | null; record: string }) {
  const { t } = useWords()
  const [name, setName] = useState(object)
  const [key, setKey] = useState(record)
  const [chosen, setChosen] = useState<string | null>(null)
  const find = (event: FormEvent) => {
    event.preventDefault()
    location.hash = `#/records/${encodeURIComponent(name ?? '')}|${encodeURIComponent(key.trim())}`
  }
  return (
    <>
      <form onSubmit={find} role="search">
        <Group align="flex-end">
          <Select label={t.records.object} placeholder={t.records.every} clearable clearButtonProps={{ 'aria-label': t.records.every }} data={objects} value={name} onChange={setName} />
          <TextInput label={t.records.record} value={key} onChange={(e) => setKey(e.currentTarget.value)} maxLength={500} />
          <Select
            label={t.records.state}
            placeholder={t.records.every}
            clearable
            clearButtonProps={{ 'aria-label': t.records.every }}
            data={STATES.map((value) => ({ value, label: state(t, value) }))}
            value={chosen}
            onChange={setChosen}
          />
          <Button type="submit">{t.records.find}</Button>
        </Group>
      </form>
      {object && record && <Journey object={object} record={record} />}
      <Title order={3}>{t.records.search}</Title>
      <Log object={object} record={record} state={chosen} />
    </>
  )
}

function Journey({ object, record }: { object: string; record: string }) {
  const { t } = useWords()
  const journey = useQuery({ queryKey: ['journey', object, record], queryFn: () => get<Step[]>('journey', { object, record }) })
  return (
    <>
      <Title order={3}>{t.records.journey}</Title>
      <Answered query={journey}>
        {(steps) => (
          <Timeline active={steps.length} bulletSize={18} lineWidth={2} data-journey={record}>
            {steps.map((step, n) => (
              <Timeline.Item key={`${step.at} ${n}`} title={state(t, step.step)} data-step={step.step}>
                <Text size="sm" c="dimmed">
                  <When at={step.at} />
                </Text>
                <Text size="sm" className="grow">
                  {Object.entries(step.detail)
                    .filter(([, value]) => value !== null && value !== '' && value !== 0)
                    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(', ') : String(value)}`)
                    .join('; ')}
                </Text>
              </Timeline.Item>
            ))}
          </Timeline>
        )}
      </Answered>
    </>
  )
}

function Log({ object, record, state }: { object: string | null; record: string; state: string | null }) {
  const { t } = useWords()
  const log = useInfiniteQuery({
    queryKey: ['change-log', object, record, state],
    queryFn: ({ pageParam }) => get<Edits>('change-log', { object, record, state, before: pageParam }),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.before,
  })
  if (log.isPending) return <Loading />
  if (log.error) return <ErrorState error={log.error} retry={() => void log.refetch()} />
  const edits = log.data.pages.flatMap((page) => page.edits)
  return (
    <Stack gap="xs">
      {edits.length === 0 && <Empty>{t.records.nothing}</Empty>}
      {edits.map((edit) => (
        <EditCard key={edit.id} edit={edit} />
      ))}
      {log.hasNextPage && (
        <Button variant="default" loading={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
          {t.records.further}
        </Button>
      )}
    </Stack>
  )
}

function EditCard({ edit }: { edit: Edit }) {
  const { t, fill } = useWords()
  return (
    <Card withBorder padding="sm" data-edit={edit.id}>
      <Group justify="space-between">
        <div className="grow">
          <Anchor href={`#/records/${encodeURIComponent(edit.table_name)}|${encodeURIComponent(edit.record_id)}`}>
            {edit.table_name} {edit.record_id}
          </Anchor>
          <Text size="sm" c="dimmed">
            {fill(t.records.edit, { id: edit.id, change: edit.change })}, <When at={edit.made_at} />
          </Text>
        </div>
        <Mark how={HOW[edit.state as keyof typeof HOW] ?? 'plain'}>{state(t, edit.state)}</Mark>
      </Group>
      {edit.error && <Text size="sm">{edit.error}</Text>}
      {edit.hint && <Text size="sm">{edit.hint}</Text>}
      <Values of={edit.old ? { old: edit.old, new: edit.new } : edit.new} />
    </Card>
  )
}
