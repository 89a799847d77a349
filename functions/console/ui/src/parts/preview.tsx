/** What would be done to the database, before it is done. */
import { Code, List, Stack, Text, Title } from '@mantine/core'
import type { Preview as Shown } from '../api/types'
import { useWords } from '../i18n'

export function Preview({ shown }: { shown: Shown }) {
  const { t } = useWords()
  const left = Object.entries(shown.left_out)
  return (
    <Stack gap="xs" aria-live="polite" data-preview={shown.pg_table_name}>
      <Title order={3} size="h4">
        {t.mappings.ddl}
      </Title>
      {shown.ddl.length === 0 && <Text size="sm">{t.mappings.noDdl}</Text>}
      {shown.ddl.map((statement) => (
        <Code key={statement} block tabIndex={0} mah={220} style={{ overflow: 'auto', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {statement};
        </Code>
      ))}
      {shown.warnings.length > 0 && (
        <>
          <Title order={3} size="h4">
            {t.mappings.notes}
          </Title>
          <List size="sm">
            {shown.warnings.map((warning) => (
              <List.Item key={warning}>{warning}</List.Item>
            ))}
          </List>
        </>
      )}
      {left.length > 0 && (
        <>
          <Title order={3} size="h4">
            {t.mappings.leftOut}
          </Title>
          <List size="sm">
            {left.map(([name, why]) => (
              <List.Item key={name}>
                {name}: {why}
              </List.Item>
            ))}
          </List>
        </>
      )}
    </Stack>
  )
}
