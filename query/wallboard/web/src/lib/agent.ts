/** An agent's row as lists need it, its filter and its orders. */

import { byNumber, byText, comparator } from './order.ts'
import type { Compare, SortKey } from './order.ts'
import { anyOf, groupShown } from './status.ts'

export interface Agent {
  id: string
  name: string
  folded: string // the name as it is searched
  status: string
  since: number | null // of the status, ms
  team: string | null
  teamName: string | null
  queues: readonly string[]
  reason: string | null
  suspended: boolean
}

interface Named {
  id: string
  name: string | null
}

export const agentFields = 'name,status,status_since,team,queue_ids,presence,suspended'

const none: readonly string[] = []

/** readAgent takes a row of the API. */
export function readAgent(row: Record<string, unknown>): Agent {
  const id = row['id'] as string
  const name = (row['name'] as string | null) ?? id
  const status = (row['status'] as string | null) ?? 'logged_out'
  const team = row['team'] as Named | null
  const presence = row['presence'] as { status: string; reason: Named | null; description: string | null } | null
  return {
    id, name, folded: fold(name), status, since: moment(row['status_since']),
    team: team?.id ?? null, teamName: team ? (team.name ?? team.id) : null, queues: (row['queue_ids'] as string[] | null) ?? none,
    reason: presence && presence.status === status ? (presence.reason?.name ?? presence.reason?.id ?? presence.description ?? null) : null,
    suspended: row['suspended'] === true,
  }
}

/** moment reads a time of the API, as ms; null where it says none. */
export function moment(value: unknown): number | null {
  if (typeof value !== 'string') return null
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? null : ms
}

export interface AgentFilter {
  name: string
  status: string // '' is any; 'suspended' those who are; anyOf a group
  team: string
  queue: string
  all: boolean // logged-out agents too
}

/** fold writes a text as it is searched: `Zoë` is found by `zoe`. */
export const fold = (text: string) => (/[^\x00-\x7f]/.test(text) ? text.normalize('NFD').replace(/\p{M}/gu, '') : text).toLowerCase()

/** matches makes the filter a function: all that is said must hold. */
export function matches(f: AgentFilter): (a: Agent) => boolean {
  const name = fold(f.name.trim())
  return a =>
    (f.all || a.status !== 'logged_out') &&
    (f.status === '' || (f.status === 'suspended' ? a.suspended : f.status.startsWith('any:') ? f.status === anyOf(groupShown(a.status, a.suspended)) : a.status === f.status)) &&
    (f.team === '' || a.team === f.team) &&
    (f.queue === '' || a.queues.includes(f.queue)) &&
    (name === '' || a.folded.includes(name) || a.id.toLowerCase() === name)
}

/** The longest time in status comes last in ascending order: the latest beginning is the shortest time. */
export const agentOrders: Record<string, Compare<Agent>> = {
  name: (a, b) => byText(a.name, b.name),
  status: (a, b) => byText(a.status, b.status),
  age: (a, b) => (a.since == null || b.since == null ? byNumber(a.since, b.since) : b.since - a.since),
  team: (a, b) => byText(a.teamName, b.teamName),
  reason: (a, b) => byText(a.reason, b.reason),
}

export const agentOrder = (keys: readonly SortKey[]): Compare<Agent> =>
  comparator(keys, agentOrders, (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
