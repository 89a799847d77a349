/** A state as a shape and a word: never by colour alone. */
import { Badge } from '@mantine/core'
import type { ReactNode } from 'react'

const COLOURS = { good: 'teal.9', poor: 'yellow.4', bad: 'red.9', plain: 'gray.7' }
const SIGNS = { good: '✓', poor: '!', bad: '✕', plain: '·' }

export function Mark({ how, children }: { how: keyof typeof COLOURS; children: ReactNode }) {
  return (
    <Badge variant="filled" color={COLOURS[how]} autoContrast tt="none" style={{ flexShrink: 0 }} leftSection={<span aria-hidden>{SIGNS[how]}</span>}>
      {children}
    </Badge>
  )
}
