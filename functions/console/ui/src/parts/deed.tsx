/** Something a person does: asked back where it cannot be undone, told about when it is done. */
import { Button, type ButtonProps, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useWords } from '../i18n'
import { useMayChange } from './person'
import { Words } from './states'

/** Does it, tells how it ended, and lets every page look again. */
export function useDeed<In, Out>(deed: (asked: In) => Promise<Out>, told: (done: Out) => ReactNode) {
  const client = useQueryClient()
  const { t } = useWords()
  const closeButtonProps = { 'aria-label': t.close }
  return useMutation({
    mutationFn: deed,
    onSuccess: (done) => notifications.show({ message: told(done), color: 'teal', closeButtonProps }),
    onError: (error: Error) => notifications.show({ message: <Words error={error} />, color: 'red', autoClose: false, closeButtonProps }),
    onSettled: () => client.invalidateQueries(),
  })
}

interface Asked extends ButtonProps {
  label: string
  name?: string
  what?: string
  why?: boolean
  deed: (why: string) => void
  busy?: boolean
}

/** A button, for who may change things; with `what` it asks back, with `why` for the reason. */
export function Deed({ label, name, what, why, deed, busy, ...more }: Asked) {
  const { t } = useWords()
  const [opened, { open, close }] = useDisclosure()
  const [words, setWords] = useState('')
  if (!useMayChange()) return null
  const asks = what !== undefined || why
  const go = () => {
    close()
    deed(words)
    setWords('')
  }
  return (
    <>
      <Button size="xs" variant="default" loading={busy} onClick={asks ? open : go} aria-label={name && `${label}: ${name}`} {...more}>
        {label}
      </Button>
      <Modal opened={opened} onClose={close} title={label} closeButtonProps={{ 'aria-label': t.cancel }}>
        <Stack>
          {what && <Text size="sm">{what}</Text>}
          {why && <TextInput data-autofocus label={t.overview.why} value={words} onChange={(e) => setWords(e.currentTarget.value)} maxLength={1000} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t.cancel}
            </Button>
            <Button onClick={go}>{label}</Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}
