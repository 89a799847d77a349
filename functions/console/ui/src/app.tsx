/** Signed in or not; the frame around every page; which page is shown. */
import { AppShell, Burger, Button, Group, NavLink, Select, Text, Title, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useDisclosure, useHash } from '@mantine/hooks'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { bearer, get, Refused, remove } from './api/client'
import { useLive } from './api/live'
import type { Me } from './api/types'
import { LANGUAGES, type Language, useWords } from './i18n'
import { Failures } from './pages/failures'
import { MappingEditor } from './pages/mapping-editor'
import { Mappings } from './pages/mappings'
import { Operations } from './pages/operations'
import { Overview } from './pages/overview'
import { Records } from './pages/records'
import { SignIn } from './pages/sign-in'
import { Trends } from './pages/trends'
import { Person } from './parts/person'
import { ErrorState, Loading } from './parts/states'

const PAGES = ['overview', 'mappings', 'trends', 'failures', 'records', 'operations'] as const

export function App() {
  // Taken apart at once: only what was read is watched, and the sign-in page reads less than the others.
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['me'],
    queryFn: () => get<Me>('session'),
    enabled: !location.hash.startsWith('#token='),
  })
  const refused = error instanceof Refused ? error : null
  if (location.hash.startsWith('#token=') || refused?.status === 401 || refused?.status === 403) {
    return <SignIn refused={refused} onSignedIn={() => void refetch()} />
  }
  if (isPending) return <Loading />
  if (error) return <ErrorState error={error} retry={() => void refetch()} />
  return (
    <Person.Provider value={data}>
      <Frame me={data} />
    </Person.Provider>
  )
}

function Frame({ me }: { me: Me }) {
  const { t, fill } = useWords()
  const [opened, { toggle, close }] = useDisclosure()
  const [hash] = useHash({ getInitialValueInEffect: false })
  const [page = 'overview', detail] = hash.replace(/^#\/?/, '').split('/')
  const current = PAGES.find((p) => p === page) ?? 'overview'
  const place = current === 'failures' ? current : `${current}/${detail ?? ''}` // a tab keeps the focus of who chose it
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)

  useEffect(() => {
    document.title = `${t.nav[current]}: Isthmus`
    close()
    if (!first.current) main.current?.focus() // a reader hears that the page is another one
    first.current = false
  }, [place, current, t, close])

  return (
    <AppShell header={{ height: 60 }} navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !opened } }} padding="md">
      <AppShell.Header>
        <a className="skip" href="#main" onClick={(e) => (e.preventDefault(), main.current?.focus())}>
          {t.skip}
        </a>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t.menu} aria-expanded={opened} />
            <Title order={1} size="h3">
              Isthmus
            </Title>
          </Group>
          <Live />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="md" aria-label={t.menu}>
        <AppShell.Section grow>
          {PAGES.map((name) => (
            <NavLink key={name} href={`#/${name}`} label={t.nav[name]} active={name === current} aria-current={name === current ? 'page' : undefined} onClick={close} />
          ))}
          <NavLink href="/docs" label={t.docs} />
        </AppShell.Section>
        <AppShell.Section>
          <Preferences />
          <Text size="sm" mt="md" className="grow">
            {fill(t.signedIn, { who: me.who, role: t.role[me.role] })}
          </Text>
          <SignOut />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main ref={main} id="main" tabIndex={-1} style={{ outline: 'none' }}>
        {current === 'overview' && <Overview />}
        {current === 'mappings' && (detail ? <MappingEditor key={detail} id={detail} /> : <Mappings />)}
        {current === 'trends' && <Trends />}
        {current === 'failures' && <Failures />}
        {current === 'records' && <Records asked={detail} />}
        {current === 'operations' && <Operations />}
      </AppShell.Main>
    </AppShell>
  )
}

function Live() {
  const { t } = useWords()
  const liveness = useLive()
  return (
    <Text size="sm" role="status" data-live={liveness}>
      {t.live[liveness]}
    </Text>
  )
}

function Preferences() {
  const { t, language, choose } = useWords()
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  return (
    <>
      <Select
        label={t.language}
        data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
        value={language}
        allowDeselect={false}
        onChange={(value) => value && choose(value as Language)}
      />
      <Button variant="default" fullWidth mt="sm" onClick={() => setColorScheme(scheme === 'dark' ? 'light' : 'dark')}>
        {scheme === 'dark' ? t.light : t.dark}
      </Button>
    </>
  )
}

function SignOut() {
  const { t } = useWords()
  const client = useQueryClient()
  const leave = async () => {
    await remove('session').catch(() => undefined)
    bearer.forget()
    client.clear()
    location.reload()
  }
  return (
    <Button variant="subtle" size="compact-sm" mt="xs" onClick={() => void leave()}>
      {t.signOut}
    </Button>
  )
}
