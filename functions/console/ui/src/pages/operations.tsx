/** Schedules, the org's budget, and what people did. */
import { Card, Code, Group, List, Progress, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { get, post } from '../api/client'
import type { ApiBudget, Audited, Schedule } from '../api/types'
import { useWords } from '../i18n'
import { Deed, useDeed } from '../parts/deed'
import { Loads } from '../parts/loads'
import { Mark } from '../parts/mark'
import { Answered, Empty } from '../parts/states'
import { Values } from '../parts/values'
import { When } from '../parts/when'

export function Operations() {
  const { t } = useWords()
  const schedules = useQuery({ queryKey: ['schedules'], queryFn: () => get<Schedule[]>('schedules') })
  const budget = useQuery({ queryKey: ['budget'], queryFn: () => get<ApiBudget>('api-budget') })
  const audit = useQuery({ queryKey: ['audit'], queryFn: () => get<Audited[]>('audit') })
  return (
    <Stack>
      <Title order={2}>{t.operations.title}</Title>
      <Title order={3}>{t.operations.schedules}</Title>
      <Answered query={schedules}>
        {(told) =>
          told.length ? (
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
              {told.map((one) => (
                <ScheduleCard key={one.name} held={one} />
              ))}
            </SimpleGrid>
          ) : (
            <Empty>{t.operations.noSchedules}</Empty>
          )
        }
      </Answered>
      <Loads />
      <Title order={3}>{t.operations.budget}</Title>
      <Answered query={budget}>{(told) => <Budget told={told} />}</Answered>
      <Title order={3}>{t.operations.audit}</Title>
      <Answered query={audit}>
        {(told) =>
          told.length ? (
            <Stack gap="xs">
              {told.map((one) => (
                <AuditCard key={one.id} done={one} />
              ))}
            </Stack>
          ) : (
            <Empty>{t.operations.noAudit}</Empty>
          )
        }
      </Answered>
    </Stack>
  )
}

function ScheduleCard({ held }: { held: Schedule }) {
  const { t, fill } = useWords()
  const order = (what: string) => post(`schedules/${held.name}/${what}`)
  const pause = useDeed(() => order('pause'), () => `${held.name}: ${t.overview.paused}`)
  const resume = useDeed(() => order('resume'), () => `${held.name}: ${t.overview.active}`)
  const run = useDeed(() => order('run'), () => fill(t.operations.ran, { name: held.name }))
  const paused = held.state === 'paused'
  return (
    <Card withBorder data-schedule={held.name}>
      <Group justify="space-between">
        <Title order={4} size="h5">
          {held.name}
        </Title>
        <Mark how={paused ? 'poor' : 'good'}>{paused ? t.overview.paused : t.overview.active}</Mark>
      </Group>
      <Code style={{ whiteSpace: 'normal', overflowWrap: 'anywhere' }}>{held.schedule}</Code>
      <Text size="sm" c="dimmed">
        {held.last_at && <>{fill(t.operations.last, { when: '' })} <When at={held.last_at} /></>}
      </Text>
      <Group mt="xs" gap="xs">
        {paused ? (
          <Deed label={t.mappings.resume} name={held.name} busy={resume.isPending} deed={() => resume.mutate(undefined)} />
        ) : (
          <Deed label={t.mappings.pause} name={held.name} busy={pause.isPending} deed={() => pause.mutate(undefined)} />
        )}
        <Deed label={t.operations.run} name={held.name} busy={run.isPending} deed={() => run.mutate(undefined)} />
      </Group>
    </Card>
  )
}

function Budget({ told }: { told: ApiBudget }) {
  const { t, fill, number } = useWords()
  const org = told.org[0]
  return (
    <Stack gap="xs">
      {org?.allowed ? (
        <>
          <Text size="sm">{fill(t.operations.org, { used: number(org.used ?? 0), allowed: number(org.allowed) })}</Text>
          <Progress value={((org.used ?? 0) / org.allowed) * 100} aria-label={t.operations.budget} />
        </>
      ) : (
        <Text size="sm">{t.operations.orgUnknown}</Text>
      )}
      {told.calls.length > 0 && (
        <Table>
          <Table.Tbody>
            {told.calls.map((one) => (
              <Table.Tr key={one.table}>
                <Table.Th scope="row">{one.object}</Table.Th>
                <Table.Td>
                  {number(one.calls_today)} {one.cap !== null && fill(t.operations.cap, { cap: number(one.cap) })}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {told.stopped_fields.length > 0 && (
        <>
          <Title order={4} size="h5">
            {t.operations.stopped}
          </Title>
          <List size="sm">
            {told.stopped_fields.map((one) => (
              <List.Item key={`${one.object}.${one.field}`}>
                {one.object}.{one.field}: {one.detail}
              </List.Item>
            ))}
          </List>
        </>
      )}
      {told.bulk_jobs.length > 0 && (
        <>
          <Title order={4} size="h5">
            {t.operations.bulk}
          </Title>
          <List size="sm">
            {told.bulk_jobs.map((one) => (
              <List.Item key={one.bulk_job}>
                {one.object}: {number(one.records)}, {one.state}
              </List.Item>
            ))}
          </List>
        </>
      )}
    </Stack>
  )
}

function AuditCard({ done }: { done: Audited }) {
  const { t, fill } = useWords()
  return (
    <Card withBorder padding="sm" data-action={done.action}>
      <Group justify="space-between">
        <Text size="sm" className="grow">
          {done.who}: {done.action} {done.subject} {done.why && `(${done.why})`}
        </Text>
        <Text size="sm" c="dimmed">
          <When at={done.at} />
        </Text>
      </Group>
      {done.refused && <Text size="sm">{fill(t.operations.refused, { reason: done.refused })}</Text>}
      {(done.before !== null || done.after !== null) && <Values of={{ before: done.before, after: done.after }} />}
    </Card>
  )
}
