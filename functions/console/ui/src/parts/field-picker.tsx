/** Which fields are mapped, out of the org's own description of the object. */
import { Button, Checkbox, Group, ScrollArea, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { get } from '../api/client'
import type { Described } from '../api/types'
import { useWords } from '../i18n'
import { Answered } from './states'

interface Asked {
  object: string
  chosen: string[]
  choose: (fields: string[]) => void
}

export function FieldPicker({ object, chosen, choose }: Asked) {
  const fields = useQuery({ queryKey: ['fields', object], queryFn: () => get<Described[]>(`objects/${object}/fields`), staleTime: 60_000 })
  return <Answered query={fields}>{(told) => <Picker fields={told} chosen={chosen} choose={choose} />}</Answered>
}

function Picker({ fields, chosen, choose }: { fields: Described[]; chosen: string[]; choose: (fields: string[]) => void }) {
  const { t, fill } = useWords()
  const [words, setWords] = useState('')
  const wanted = words.toLowerCase()
  const shown = fields.filter((f) => !['Id', 'SystemModstamp', 'IsDeleted'].includes(f.name) && `${f.name} ${f.label}`.toLowerCase().includes(wanted))
  const held = new Set(chosen)
  const flip = (name: string, on: boolean) => choose(on ? [...chosen, name] : chosen.filter((n) => n !== name))
  return (
    <Stack gap="xs">
      <TextInput label={t.mappings.search} value={words} onChange={(e) => setWords(e.currentTarget.value)} />
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => choose([...new Set([...chosen, ...shown.filter((f) => !f.why_not).map((f) => f.name)])])}
        >
          {t.mappings.chooseShown}
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => choose([])}>
          {t.mappings.clear}
        </Button>
        <Text size="sm" aria-live="polite">
          {chosen.length ? fill(t.mappings.someFields, { count: chosen.length }) : t.mappings.allFields}
        </Text>
      </Group>
      <ScrollArea.Autosize mah={360} type="auto" viewportProps={{ tabIndex: 0, 'aria-label': t.mappings.fields, role: 'group' }}>
        <Stack gap={6} py={4} pl={4}>
          {shown.length === 0 && <Text c="dimmed">{t.mappings.noField}</Text>}
          {shown.map((f) => (
            <Checkbox
              key={f.name}
              checked={held.has(f.name)}
              disabled={f.why_not !== ''}
              onChange={(e) => flip(f.name, e.currentTarget.checked)}
              label={f.label === f.name ? f.name : `${f.label} (${f.name})`}
              description={about(f, t.mappings)}
            />
          ))}
        </Stack>
      </ScrollArea.Autosize>
    </Stack>
  )
}

function about(field: Described, words: { required: string; externalId: string; readOnly: string }): string {
  const facts = [field.type]
  if (field.required) facts.push(words.required)
  if (field.external_id) facts.push(words.externalId)
  if (!field.sendable) facts.push(words.readOnly)
  if (field.why_not) facts.push(field.why_not)
  return facts.join(', ')
}
