/** What is shown while there is nothing to show: loading, empty, failed. */
import { Alert, Button, Center, Loader, Stack, Text } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Refused } from '../api/client'
import { useWords } from '../i18n'

export function Loading() {
  const { t } = useWords()
  return (
    <Center p="xl" role="status" aria-label={t.loading}>
      <Loader type="dots" aria-hidden />
    </Center>
  )
}

export function Empty({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" p="xl">
      <Text c="dimmed">{children}</Text>
      {action}
    </Stack>
  )
}

/** What went wrong, in the API's own words, and what to do. */
export function Words({ error }: { error: Error }) {
  if (!(error instanceof Refused)) return <>{error.message}</>
  const { reason, detail, hint } = error.problem
  return (
    <>
      <Text size="sm" className="grow">
        {reason}
        {detail && `: ${detail}`}
      </Text>
      {hint && <Text size="sm">{hint}</Text>}
    </>
  )
}

export function ErrorState({ error, retry }: { error: Error; retry?: () => void }) {
  const { t } = useWords()
  return (
    <Alert variant="default" title={t.failedToLoad} role="alert">
      <Words error={error} />
      {retry && (
        <Button mt="sm" size="xs" variant="default" onClick={retry}>
          {t.retry}
        </Button>
      )}
    </Alert>
  )
}

/** A query's answer, or why there is none yet. */
export function Answered<T>({ query, children }: { query: UseQueryResult<T>; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />
  return <Loading />
}
