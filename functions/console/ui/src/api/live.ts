/** Live updates while a person looks: the stream is closed when the page is hidden, and rests after five minutes. */
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { address, headers } from './client'

export type Liveness = 'live' | 'resting' | 'broken'

const RETRY_MS = 5000
const TOUCHED = ['pointerdown', 'keydown', 'focus'] as const

/** Reads event names out of a stream; returns once it has ended. */
async function read(signal: AbortSignal, heard: (event: string) => void): Promise<void> {
  const answer = await fetch(address('events'), { headers: headers(), credentials: 'same-origin', signal })
  if (!answer.ok || !answer.body) throw new Error(`${answer.status}`)
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    text += value
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) heard(/^event: (\w+)/m.exec(event)?.[1] ?? '')
  }
}

export function useLive(): Liveness {
  const client = useQueryClient()
  const [liveness, setLiveness] = useState<Liveness>('live')

  useEffect(() => {
    let current: AbortController | null = null
    let retry: ReturnType<typeof setTimeout> | undefined

    const close = () => {
      clearTimeout(retry)
      current?.abort()
      current = null
    }
    const open = () => {
      if (current || document.hidden) return
      const mine = new AbortController()
      current = mine
      let first = true
      setLiveness('live')
      read(mine.signal, (event) => {
        if (event === 'changed' && !first) void client.invalidateQueries({ refetchType: 'active' })
        first = false
      })
        .then(() => setLiveness('resting'))
        .catch(() => {
          if (mine.signal.aborted) return
          setLiveness('broken')
          retry = setTimeout(open, RETRY_MS)
        })
        .finally(() => {
          if (current === mine) current = null
        })
    }
    const looked = () => {
      if (document.hidden) {
        close()
        setLiveness('resting')
      } else touched()
    }
    const touched = () => {
      if (current || document.hidden) return
      open()
      void client.invalidateQueries({ refetchType: 'active' })
    }

    open()
    document.addEventListener('visibilitychange', looked)
    for (const name of TOUCHED) window.addEventListener(name, touched)
    return () => {
      close()
      document.removeEventListener('visibilitychange', looked)
      for (const name of TOUCHED) window.removeEventListener(name, touched)
    }
  }, [client])

  return liveness
}
