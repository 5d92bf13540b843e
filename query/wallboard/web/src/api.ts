import { Clockwork } from './lib/clockwork.ts'

/** Problem is an answer that is not what was asked for (RFC 9457), or none at all (status 0). */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly retryAfter: number | null // seconds

  constructor(status: number, code: string, detail: string, retryAfter: number | null = null) {
    super(detail)
    this.status = status
    this.code = code
    this.retryAfter = retryAfter
  }
}

export interface ContactCenter {
  id: string
  name: string | null
  time_zone: string | null
}

export interface Session {
  user: string
  role: 'reader' | 'supervisor' | 'producer' | 'admin'
  contact_center: string
  contact_centers: ContactCenter[]
  expires: string | null
}

export interface Page<R> {
  data: R[]
  metadata: { total: number; count: number; offset: number; limit: number; as_of: string; snapshot?: string; complete_until?: string | null }
}

/** The one clock of the page: every answer and every message sets it. */
export const clockwork = new Clockwork()

let unauthenticated = () => {}

/** onUnauthenticated is called when a request is answered 401. */
export const onUnauthenticated = (f: () => void) => void (unauthenticated = f)

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...init })
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw new Problem(0, 'no_connection', 'The server cannot be reached.')
  }
  clockwork.serverTime(response.headers.get('Date'), Date.now())
  if (response.ok) return response
  throw await problemOf(response)
}

async function problemOf(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as { code?: string; detail?: string; title?: string }
  const retryAfter = Number(response.headers.get('Retry-After'))
  return new Problem(response.status, body.code ?? 'unknown', body.detail ?? body.title ?? `The server answered ${response.status}.`,
    Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null)
}

const withBody = (method: string, body: unknown): RequestInit =>
  ({ method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })

async function call<T>(path: string, init?: RequestInit): Promise<T> {
  try {
    return (await (await send(path, init)).json()) as T
  } catch (e) {
    if (e instanceof Problem && e.status === 401) unauthenticated()
    throw e
  }
}

export const get = <T>(path: string, signal?: AbortSignal) => call<T>(path, signal ? { signal } : {})
export const put = <T>(path: string, body: unknown) => call<T>(path, withBody('PUT', body))

/** pathOf is a path below a contact centre; values of the query that are empty are left out. */
export function pathOf(contactCenter: string, path: string, query: Record<string, string | number | undefined | null> = {}): string {
  const q = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== null && value !== '') q.set(name, String(value))
  const tail = q.toString()
  return `/api/v1/contact-centers/${encodeURIComponent(contactCenter)}${path}${tail ? `?${tail}` : ''}`
}

const sessionPath = '/api/v1/session'

/** currentSession is null for who is not signed in. */
export async function currentSession(): Promise<Session | null> {
  try {
    return (await (await send(sessionPath)).json()) as Session
  } catch (e) {
    if (e instanceof Problem && e.status === 401) return null
    throw e
  }
}

export type Credential = { user: string; password: string } | { token: string }

export async function signIn(credential: Credential): Promise<Session> {
  return (await (await send(sessionPath, withBody('POST', credential))).json()) as Session
}

export async function signOut(): Promise<void> {
  await send(sessionPath, { method: 'DELETE' })
}
