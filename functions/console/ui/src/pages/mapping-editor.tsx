/** A mapping, made or changed: wished for, shown as statements, carried out. */
import { Button, Group, List, NumberInput, Select, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { get, post, put } from '../api/client'
import type { Direction, Policy, Preview as Shown, SObject, SyncConfig } from '../api/types'
import { useWords } from '../i18n'
import { useDeed } from '../parts/deed'
import { FieldPicker } from '../parts/field-picker'
import { useMayChange } from '../parts/person'
import { Preview } from '../parts/preview'
import { Answered, ErrorState } from '../parts/states'

const DIRECTIONS: Direction[] = ['BIDIRECTIONAL', 'SF_TO_PG', 'PG_TO_SF']
const POLICIES: Policy[] = ['last_writer_wins', 'salesforce_wins', 'postgres_wins']

export function MappingEditor({ id }: { id: string }) {
  return id === 'new' ? <New /> : <Held id={id} />
}

function Held({ id }: { id: string }) {
  const held = useQuery({ queryKey: ['sync-configs', id], queryFn: () => get<SyncConfig>(`sync-configs/${id}`) })
  return <Answered query={held}>{(one) => <Change key={one.version} held={one} />}</Answered>
}

function Choices({ direction, setDirection, policy, setPolicy, locked }: {
  direction: Direction
  setDirection: (d: Direction) => void
  policy: Policy
  setPolicy: (p: Policy) => void
  locked?: boolean
}) {
  const { t } = useWords()
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      <Select
        label={t.mappings.direction}
        allowDeselect={false}
        disabled={locked}
        data={DIRECTIONS.map((value) => ({ value, label: t.direction[value] }))}
        value={direction}
        onChange={(value) => value && setDirection(value as Direction)}
      />
      <Select
        label={t.mappings.policy}
        allowDeselect={false}
        disabled={locked}
        data={POLICIES.map((value) => ({ value, label: t.policy[value] }))}
        value={policy}
        onChange={(value) => value && setPolicy(value as Policy)}
      />
    </SimpleGrid>
  )
}

function New() {
  const { t, fill } = useWords()
  const objects = useQuery({ queryKey: ['objects'], queryFn: () => get<SObject[]>('objects'), staleTime: 60_000 })
  const [object, setObject] = useState<string | null>(null)
  const [table, setTable] = useState('')
  const [direction, setDirection] = useState<Direction>('BIDIRECTIONAL')
  const [policy, setPolicy] = useState<Policy>('last_writer_wins')
  const [filter, setFilter] = useState('')
  const [fields, setFields] = useState<string[]>([])
  const wished = { sf_object_name: object ?? '', pg_table_name: table, sync_direction: direction, conflict_policy: policy, fields, filter }
  const preview = useMutation({ mutationFn: () => post<Shown>('sync-configs/preview', wished) })
  const create = useDeed(
    () => post<SyncConfig>('sync-configs', wished),
    (made) => {
      location.hash = '#/mappings'
      return fill(t.mappings.created, { object: made.sf_object_name, table: made.pg_table_name })
    },
  )
  const bent = <T,>(set: (value: T) => void) => (value: T) => (set(value), preview.reset()) // what was shown is of another wish
  return (
    <Stack maw={900}>
      <Title order={2}>{t.mappings.new}</Title>
      <Answered query={objects}>
        {(told) => (
          <Select
            label={t.mappings.object}
            placeholder={t.mappings.chooseObject}
            searchable
            data={told.map((o) => ({ value: o.name, label: o.label === o.name ? o.name : `${o.label} (${o.name})` }))}
            value={object}
            onChange={(value) => (bent(setObject)(value), setFields([]))}
          />
        )}
      </Answered>
      <TextInput label={t.mappings.table} description={t.mappings.tableHint} value={table} onChange={(e) => bent(setTable)(e.currentTarget.value)} />
      <Choices direction={direction} setDirection={bent(setDirection)} policy={policy} setPolicy={bent(setPolicy)} />
      <TextInput label={t.mappings.filter} description={t.mappings.filterHint} value={filter} onChange={(e) => bent(setFilter)(e.currentTarget.value)} />
      {object && <FieldPicker object={object} chosen={fields} choose={bent(setFields)} />}
      <Group>
        <Button variant="default" disabled={!object} loading={preview.isPending} onClick={() => preview.mutate()}>
          {t.mappings.preview}
        </Button>
        {preview.data && (
          <Button loading={create.isPending} onClick={() => create.mutate(undefined)}>
            {t.mappings.create}
          </Button>
        )}
      </Group>
      {preview.error && <ErrorState error={preview.error} />}
      {preview.data && <Preview shown={preview.data} />}
    </Stack>
  )
}

function Change({ held }: { held: SyncConfig }) {
  const { t, fill } = useWords()
  const mayChange = useMayChange()
  const name = held.sf_object_name
  const [direction, setDirection] = useState(held.sync_direction)
  const [policy, setPolicy] = useState(held.conflict_policy)
  const [fields, setFields] = useState(held.fields.map((f) => f.name))
  const [calls, setCalls] = useState<number | string>(held.max_daily_calls ?? '')
  const [count, setCount] = useState<number | string>(held.delete_guard_count)
  const [share, setShare] = useState<number | string>(Math.round(held.delete_guard_share * 100))
  const changed = { sync_direction: direction, conflict_policy: policy, fields }
  const preview = useMutation({ mutationFn: () => post<Shown>(`sync-configs/${held.id}/preview`, changed) })
  const save = useDeed(
    () =>
      put<SyncConfig>(`sync-configs/${held.id}`, {
        ...changed,
        version: held.version,
        max_daily_calls: calls === '' ? null : Number(calls),
        delete_guard_count: Number(count),
        delete_guard_share: Number(share) / 100,
      }),
    () => fill(t.mappings.changed, { object: name }),
  )
  const bent = <T,>(set: (value: T) => void) => (value: T) => (set(value), preview.reset())
  return (
    <Stack maw={900}>
      <Title order={2}>{mayChange ? fill(t.mappings.edit, { object: name }) : name}</Title>
      <Text className="grow">{held.pg_table_name}</Text>
      <Choices direction={direction} setDirection={bent(setDirection)} policy={policy} setPolicy={bent(setPolicy)} locked={!mayChange} />
      {(held.filter || mayChange) && (
        <TextInput
          label={t.mappings.filter}
          description={fill(t.mappings.filterShell, { object: name })}
          value={held.filter}
          readOnly
        />
      )}
      <Rules held={held} />
      {mayChange ? <FieldPicker object={name} chosen={fields} choose={bent(setFields)} /> : <Fields held={held} />}
      <Title order={3} size="h4">
        {t.mappings.limits}
      </Title>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <NumberInput label={t.mappings.maxCalls} description={t.mappings.maxCallsHint} min={1} allowDecimal={false} value={calls} onChange={setCalls} disabled={!mayChange} />
        <NumberInput label={t.mappings.guardCount} min={0} allowDecimal={false} value={count} onChange={setCount} disabled={!mayChange} />
        <NumberInput label={t.mappings.guardShare} min={0} max={100} value={share} onChange={setShare} disabled={!mayChange} />
      </SimpleGrid>
      {mayChange && (
        <Group>
          <Button variant="default" loading={preview.isPending} onClick={() => preview.mutate()}>
            {t.mappings.preview}
          </Button>
          {preview.data && (
            <Button loading={save.isPending} onClick={() => save.mutate(undefined)}>
              {t.mappings.save}
            </Button>
          )}
        </Group>
      )}
      {preview.error && <ErrorState error={preview.error} />}
      {preview.data && <Preview shown={preview.data} />}
    </Stack>
  )
}

function Rules({ held }: { held: SyncConfig }) {
  const { t, fill } = useWords()
  const ruled = held.fields.filter((f) => Object.keys(f.rules).length)
  if (!ruled.length) return null
  return (
    <List size="sm">
      {ruled.map((f) => (
        <List.Item key={f.name}>
          {f.name}: {fill(t.mappings.rules, { rules: JSON.stringify(f.rules) })}
        </List.Item>
      ))}
    </List>
  )
}

function Fields({ held }: { held: SyncConfig }) {
  const { t, fill } = useWords()
  return (
    <List size="sm">
      {held.fields.map((f) => (
        <List.Item key={f.name}>
          {f.name}: {f.type}, {fill(t.mappings.column, { name: f.column })}
        </List.Item>
      ))}
    </List>
  )
}
