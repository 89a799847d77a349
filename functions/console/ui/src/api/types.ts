/** What the API answers, as /openapi.json tells it. Times are ISO 8601. */

export type Direction = 'SF_TO_PG' | 'PG_TO_SF' | 'BIDIRECTIONAL'
export type Policy = 'last_writer_wins' | 'salesforce_wins' | 'postgres_wins'
export type State = 'ok' | 'warning' | 'trouble'

export interface Problem { reason: string; detail: string; hint: string }
export interface Ways { link: boolean; google_client_id: string | null; iap: boolean }
export interface Me { who: string; role: 'viewer' | 'operator' }

export interface Check { check: string; state: State; count: number; since: string | null; detail: string }
export interface Lag { arrived_at: string | null; lag_ms: number | null; arrived_today: number }
export interface Standing {
  id: number
  object: string
  table: string
  direction: Direction
  state: 'active' | 'paused'
  waiting: number
  waiting_since: string | null
  failed: number
  held_deletions: number
  conflicts: number
  dead_letters: number
  paused_by: string | null
  lag: Partial<Record<'SF_TO_PG' | 'PG_TO_SF', Lag>>
}
export interface Overview {
  state: State
  at: string
  paused: { paused_at: string; paused_by: string | null; paused_why: string | null } | null
  checks: Check[]
  mappings: Standing[]
}

export interface MappedField {
  name: string
  column: string
  type: string
  createable: boolean
  updateable: boolean
  rules: Record<string, unknown>
}
export interface SyncConfig {
  id: number
  sf_object_name: string
  pg_table_name: string
  sync_direction: Direction
  is_active: boolean
  conflict_policy: Policy
  external_id_field: string
  filter: string
  capture: string
  fields: MappedField[]
  max_daily_calls: number | null
  delete_guard_count: number
  delete_guard_share: number
  paused_by: string
  paused_why: string
  created_at: string
  updated_at: string
  version: string
}
export interface Preview {
  sf_object_name: string
  pg_table_name: string
  fields: MappedField[]
  ddl: string[]
  left_out: Record<string, string>
  warnings: string[]
}
export interface SObject { name: string; label: string; custom: boolean }
export interface Described {
  name: string
  label: string
  type: string
  sendable: boolean
  required: boolean
  external_id: boolean
  why_not: string
}

export interface Bucket { time: string; SF_TO_PG: number; PG_TO_SF: number }
export interface Done { done: number; notes: string[] }
export interface Replayed { id: number; done: boolean; words: string }

export interface Letter {
  id: number
  topic: string
  sobject: string | null
  record_id: string | null
  reason: string
  hint: string
  detail: string | null
  attempts: number
  state: string
  created_at: string
  updated_at: string
}
export interface WholeLetter extends Letter { event_id: string; payload: unknown }
export interface Reason { reason: string; hint: string; letters: number; oldest: string; newest: string }
export interface Failure {
  object: string
  table: string
  record: string
  change: string
  edits: number
  since: string
  attempts: number
  reason: string | null
  detail: string | null
  hint: string | null
  edited_again: boolean
}
export interface Conflict {
  id: number
  object: string
  table: string
  record: string
  field: string
  old: string | null
  postgres: string | null
  salesforce: string | null
  winner: 'salesforce' | 'postgres'
  policy: Policy
  since: string
}
export type Road = 'to Salesforce' | 'to Postgres'
export interface Held { object: string | null; table: string; road: Road; deletions: number; held_since: string }

export interface Edit {
  id: number
  table_name: string
  record_id: string
  change: string
  state: string
  made_at: string
  ended_at: string | null
  attempts: number
  next_attempt_at: string | null
  error: string | null
  hint: string | null
  waits_for: string | null
  old: Record<string, unknown> | null
  new: Record<string, unknown> | null
}
export interface Edits { edits: Edit[]; before: number | null }
export interface Step { at: string; step: string; detail: Record<string, unknown> }

export interface Schedule {
  name: string
  schedule: string
  time_zone: string
  state: string
  last_at: string | null
  next_at: string | null
}
export interface ApiBudget {
  calls: { object: string; table: string; calls_today: number; cap: number | null }[]
  org: { used: number | null; allowed: number | null; seen_at: string | null; closed_until: string | null }[]
  stopped_fields: { object: string; field: string; since: string; detail: string }[]
  bulk_jobs: { bulk_job: number; object: string; state: string; records: number; since: string }[]
}
export interface Audited {
  id: number
  at: string
  who: string
  action: string
  subject: string
  why: string
  before: unknown
  after: unknown
  ended_at: string | null
  refused: string | null
}

export interface Backfill {
  backfill: number
  object: string
  table: string
  direction: Direction
  state: string
  done: number
  records: number | null
  since: string
  last_error: string | null
}
export interface Comparison {
  id: number
  object: string
  kind: string
  state: string
  started_at: string
  compared: number
  missing: number
  older: number
  gone: number
  last_error: string | null
}
export interface Drift { id: number; object: string; field: string; what: string; detail: string; ddl: string | null; seen_at: string }
