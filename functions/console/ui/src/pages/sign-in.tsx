/** Saying who one is: a link that works once, Google's button, or Identity-Aware Proxy's word. */
import { Alert, Center, Paper, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { bearer, get, post, type Refused } from '../api/client'
import type { Ways } from '../api/types'
import { useWords } from '../i18n'
import { Answered, Words } from '../parts/states'

interface Google {
  accounts: {
    id: {
      initialize: (asked: { client_id: string; callback: (answer: { credential: string }) => void }) => void
      renderButton: (place: HTMLElement, look: Record<string, string>) => void
    }
  }
}

export function SignIn({ refused, onSignedIn }: { refused: Refused | null; onSignedIn: () => void }) {
  const { t } = useWords()
  const [failed, setFailed] = useState<Error | null>(null)
  const began = useRef(false)
  const ways = useQuery({ queryKey: ['ways'], queryFn: () => get<Ways>('sign-in') })

  useEffect(() => {
    const token = /^#token=(.+)$/.exec(location.hash)?.[1]
    if (!token || began.current) return
    began.current = true // a link works once, and effects run twice while developing
    history.replaceState(null, '', location.pathname + '#/overview')
    post('session', { token }).then(onSignedIn, setFailed)
  }, [onSignedIn])

  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" maw={480}>
        <Stack>
          <Title order={1} size="h2">
            {t.signIn.title}
          </Title>
          {failed && (
            <Alert variant="default" role="alert" title={t.signIn.used}>
              <Words error={failed} />
            </Alert>
          )}
          {refused?.status === 403 && (
            <Alert variant="default" role="alert" title={t.signIn.notListed}>
              <Words error={refused} />
            </Alert>
          )}
          <Answered query={ways}>
            {(held) => (
              <>
                {held.link && <Text>{t.signIn.link}</Text>}
                {held.iap && <Text>{t.signIn.iap}</Text>}
                {held.google_client_id && <GoogleButton client={held.google_client_id} onSignedIn={onSignedIn} />}
              </>
            )}
          </Answered>
        </Stack>
      </Paper>
    </Center>
  )
}

function GoogleButton({ client, onSignedIn }: { client: string; onSignedIn: () => void }) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const script = document.createElement('script')
    script.src = 'https://accounts.google.com/gsi/client'
    script.onload = () => {
      const google = (window as unknown as { google: Google }).google
      google.accounts.id.initialize({
        client_id: client,
        callback: ({ credential }) => {
          bearer.set(credential)
          onSignedIn()
        },
      })
      if (place.current) google.accounts.id.renderButton(place.current, { theme: 'outline', size: 'large' })
    }
    document.head.append(script)
    return () => script.remove()
  }, [client, onSignedIn])
  return <div ref={place} />
}
