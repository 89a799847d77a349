/** Calls of the API: same origin with a cookie, or another one with a bearer token. */
import type { Problem } from './types'

export const BASE: string = (import.meta.env.VITE_API as string | undefined)?.replace(/\/$/, '') ?? ''
const KEPT = 'isthmus-token'

/** A Google ID token, for as long as the tab lives. */
export const bearer = {
  get: () => sessionStorage.getItem(KEPT),
  set: (token: string) => sessionStorage.setItem(KEPT, token),
  forget: () => sessionStorage.removeItem(KEPT),
}

/** What the API refused, and why. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(`${problem.reason}: ${problem.detail}`)
  }
}

export function headers(): Record<string, string> {
  const token = bearer.get()
  return { 'X-Isthmus-Console': '1', ...(token ? { Authorization: `Bearer ${token}` } : {}) }
}

type Query = Record<string, string | number | boolean | null | undefined>

export function address(path: string, query: Query = {}): string {
  const asked = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '')
  const text = new URLSearchParams(asked.map(([name, value]) => [name, String(value)])).toString()
  return `${BASE}/api/${path}${text ? `?${text}` : ''}`
}

async function call<T>(method: string, path: string, query?: Query, body?: unknown): Promise<T> {
  const answer = await fetch(address(path, query), {
    method,
    credentials: 'same-origin',
    headers: { ...headers(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  if (answer.status === 204) return undefined as T
  const told: unknown = await answer.json().catch(() => null)
  if (!answer.ok) throw new Refused(answer.status, problem(told, answer.status))
  return told as T
}

function problem(told: unknown, status: number): Problem {
  const { reason, detail, hint } = (told ?? {}) as Partial<Problem>
  return { reason: reason ?? `http_${status}`, detail: detail ?? '', hint: hint ?? '' }
}

export const get = <T>(path: string, query?: Query) => call<T>('GET', path, query)
export const post = <T>(path: string, body?: unknown) => call<T>('POST', path, undefined, body)
export const put = <T>(path: string, body: unknown) => call<T>('PUT', path, undefined, body)
export const remove = <T>(path: string, query?: Query) => call<T>('DELETE', path, query)
