import { Component } from 'preact'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

import { clockwork, currentSession, onUnauthenticated, Problem, signOut } from './api.ts'
import type { Session } from './api.ts'
import { go, now, zoneOf } from './frame.ts'
import type { Frame } from './frame.ts'
import { hrefOf, parseAddress } from './lib/address.ts'
import type { Address } from './lib/address.ts'
import { staleMs } from './lib/clockwork.ts'
import { brief } from './lib/duration.ts'
import * as zone from './lib/zone.ts'
import { onSignedOut, wire } from './live.ts'
import { AgentPage } from './pages/agent.tsx'
import { Agents } from './pages/agents.tsx'
import { Alerts } from './pages/alerts.tsx'
import { Floor } from './pages/floor.tsx'
import { History } from './pages/history.tsx'
import { InteractionPage } from './pages/interaction.tsx'
import { Interactions } from './pages/interactions.tsx'
import { Empty, Heading, Icon, Select, sentence, useDismiss } from './parts.tsx'
import { Logo, SignIn } from './signin.tsx'
import { useSecond, useStored, useStore } from './store.ts'

const pages = [['floor', 'Floor'], ['agents', 'Agents'], ['interactions', 'Interactions'], ['history', 'History'], ['alerts', 'Alerts']] as const

const root = document.documentElement

/** useAddress follows the part of the address after #. */
function useAddress(): Address {
  const [hash, set] = useState(location.hash)
  useEffect(() => {
    const look = () => set(location.hash)
    addEventListener('hashchange', look)
    return () => removeEventListener('hashchange', look)
  }, [])
  return parseAddress(hash)
}

const keepSessionMs = 5 * 60_000

/** useSession knows who is signed in: undefined until it is known. What is open stays open by asking now and then. */
function useSession(): [Session | null | undefined, (session: Session | null) => void, Problem | null, boolean] {
  const [session, set] = useState<Session | null>()
  const [ended, setEnded] = useState(false) // without having been asked to
  const inside = useRef(false)
  const choose = (session: Session | null) => {
    inside.current = session !== null
    setEnded(false)
    set(session)
  }
  const [error, setError] = useState<Problem | null>(null)
  useEffect(() => {
    const out = () => {
      if (!inside.current) return // somebody has signed out, and the stream hears of it
      inside.current = false
      setEnded(true)
      set(null)
    }
    onUnauthenticated(out)
    onSignedOut(out)
    let timer: ReturnType<typeof setTimeout>
    let first = true
    const look = async () => {
      try {
        const found = await currentSession()
        if (first) choose(found)
        else if (found === null) out()
        first = false
        setError(null)
        timer = setTimeout(look, keepSessionMs)
      } catch (e) {
        if (first) setError(e instanceof Problem ? e : new Problem(0, 'unknown', String(e)))
        timer = setTimeout(look, first ? 2000 : keepSessionMs)
      }
    }
    void look()
    return () => clearTimeout(timer)
  }, [])
  useEffect(() => {
    if (session === undefined) return
    root.dataset['session'] = session ? 'in' : 'out'
    if (session) return
    wire.set('none')
    root.dataset['connection'] = 'none'
    delete root.dataset['stale']
    delete root.dataset['tv']
  }, [session])
  return [session, choose, error, ended]
}

export function App() {
  const address = useAddress()
  const [session, setSession, error, ended] = useSession()
  const [theme, setTheme] = useStored('theme', 'system')
  useEffect(() => {
    if (theme === 'system') delete root.dataset['theme']
    else root.dataset['theme'] = theme
  }, [theme])
  if (session === undefined) return error ? <p class="trouble" role="alert">{error.message}</p> : null
  if (session === null) return <SignIn signedIn={setSession} ended={ended} />
  return <Signed session={session} address={address} theme={theme} setTheme={setTheme} out={() => setSession(null)} />
}

function Signed({ session, address, theme, setTheme, out }: { session: Session; address: Address; theme: string; setTheme: (theme: string) => void; out: () => void }) {
  const [stored, setStored] = useStored('contact-center', '')
  const centers = session.contact_centers
  const named = address.query.get('cc') ?? stored
  const contactCenter = centers.find(c => c.id === named) ?? centers[0]
  const page = address.page || 'floor'
  const tv = address.query.has('tv') && page === 'floor'
  useKeys(tv)
  useAwake(tv)
  useEffect(() => {
    if (tv) root.dataset['tv'] = 'true'
    else delete root.dataset['tv']
  }, [tv])
  useArrival(`${page}/${address.id ?? ''}`)
  const choose = (id: string) => {
    setStored(id)
    go(hrefOf(page)) // what was filtered by belongs to the other one
  }
  const leave = async () => {
    try {
      await signOut()
    } finally {
      out()
    }
  }
  const menu = <Menu {...{ session, theme, setTheme }} contactCenter={contactCenter?.id ?? ''} choose={choose} leave={() => void leave()} />
  if (session.role === 'producer' || !contactCenter) {
    return (
      <>
        <header class="bar"><p class="brand"><Logo /> <span class="word">Floorwalker</span></p>{menu}</header>
        <main id="main">
          <Heading page="No access">{session.role === 'producer' ? 'No access' : 'Nothing to see'}</Heading>
          <Empty>{session.role === 'producer' ? 'This account cannot look at the floor.' : 'There is no contact centre for this account.'}</Empty>
        </main>
      </>
    )
  }
  const frame: Frame = { session, contactCenter, zone: zoneOf(contactCenter), tv, query: address.query, id: address.id }
  return (
    <>
      {!tv && <Header frame={frame} page={page}>{menu}</Header>}
      <Banner frame={frame} />
      <main id="main" tabIndex={-1}>
        <Guard key={`${contactCenter.id} ${page}`}><PageOf page={page} frame={frame} /></Guard>
      </main>
      {tv && <button type="button" class="leave" onClick={() => go('#/floor')}><Icon name="close" /> <span>Leave TV mode</span></button>}
    </>
  )
}

/** Guard keeps a page that fails from taking the frame with it. A wall tries again by itself. */
class Guard extends Component<{ children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false }

  static override getDerivedStateFromError = () => ({ failed: true })

  override componentDidCatch(e: unknown): void {
    console.error(e)
    setTimeout(() => this.setState({ failed: false }), 10_000)
  }

  override render() {
    return this.state.failed ? <p class="trouble" role="alert">This page has failed; it is tried again in a moment.</p> : this.props.children
  }
}

function PageOf({ page, frame }: { page: string; frame: Frame }) {
  switch (page) {
    case 'floor':
      return <Floor frame={frame} />
    case 'agents':
      return frame.id ? <AgentPage key={frame.id} frame={frame} /> : <Agents frame={frame} />
    case 'interactions':
      return frame.id ? <InteractionPage key={frame.id} frame={frame} /> : <Interactions frame={frame} />
    case 'history':
      return <History frame={frame} />
    case 'alerts':
      return <Alerts frame={frame} />
  }
  return (
    <div class="page">
      <Heading page="Not found">There is no such page</Heading>
      <p><a href="#/floor">To the floor</a></p>
    </div>
  )
}

/** useArrival puts the focus on the heading of a page that somebody has come to, so that a screen reader says where one is. */
function useArrival(place: string): void {
  const before = useRef(place)
  useEffect(() => {
    if (before.current === place) return
    before.current = place
    scrollTo(0, 0)
    document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })
  }, [place])
}

/** useAwake keeps a wall's screen from going dark, where the browser lets it. */
function useAwake(tv: boolean): void {
  useEffect(() => {
    if (!tv || !('wakeLock' in navigator)) return
    let lock: WakeLockSentinel | undefined
    let over = false
    const hold = () => {
      if (document.visibilityState !== 'visible') return
      navigator.wakeLock.request('screen').then(l => (over ? void l.release() : void (lock = l)), () => {})
    }
    hold()
    document.addEventListener('visibilitychange', hold) // it is taken away while nobody looks
    return () => {
      over = true
      document.removeEventListener('visibilitychange', hold)
      void lock?.release()
    }
  }, [tv])
}

/** useKeys: t begins and ends TV mode, Escape ends it, / goes to the page's search. Keys typed into fields are theirs. */
function useKeys(tv: boolean): void {
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.altKey || e.metaKey || (e.target instanceof Element && e.target.closest('input, select, textarea, dialog'))) return
      if (e.key === 't') go(tv ? '#/floor' : '#/floor?tv=1')
      else if (e.key === 'Escape' && tv) go('#/floor')
      else if (e.key === '/') {
        const field = document.querySelector<HTMLElement>('[data-focus]')
        if (!field) return
        field.focus()
        e.preventDefault()
      }
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [tv])
}

function Header({ frame, page, children }: { frame: Frame; page: string; children: ComponentChildren }) {
  useStore(wire)
  const open = wire.alerts.size
  return (
    <header class="bar">
      <a class="skip" href="#main" onClick={e => {
        e.preventDefault()
        document.getElementById('main')?.focus()
      }}>To the content</a>
      <p class="brand"><Logo /> <span class="word">Floorwalker</span></p>
      <nav aria-label="Pages">
        {pages.map(([key, name]) => (
          <a key={key} href={`#/${key}`} aria-current={page === key ? 'page' : undefined}>
            {name}
            {key === 'alerts' && open > 0 && <span class="badge">{open}<span class="unseen"> open</span></span>}
          </a>
        ))}
      </nav>
      <Clock frame={frame} />
      {children}
    </header>
  )
}

function Clock({ frame }: { frame: Frame }) {
  useSecond()
  const at = clockwork.serverNow(Date.now())
  return (
    <p class="clock">
      <span class="center">{frame.contactCenter.name ?? frame.contactCenter.id}</span>
      <span data-testid="clock" title={frame.zone}>{zone.time(at, frame.zone)} {zone.zoneName(at, frame.zone)}</span>
    </p>
  )
}

/** Banner says when what is shown is not how it is. */
function Banner({ frame }: { frame: Frame }) {
  useStore(wire)
  useSecond()
  const text = warning(frame)
  useEffect(() => {
    root.dataset['connection'] = wire.connection
    root.dataset['stale'] = String(text !== '' && wire.problems.size === 0)
  })
  return <div class="banner" role="status" data-testid="banner">{text && <p><Icon name="warning" />{' '}{text}</p>}</div>
}

function warning(frame: Frame): string {
  const time = (ms: number) => zone.time(ms, frame.zone)
  if (wire.connection === 'lost' && clockwork.lostAt !== null) {
    const since = `No connection since ${time(clockwork.serverNow(clockwork.lostAt))}`
    return clockwork.asOf === null ? `${since}.` : `${since}; figures are of ${time(clockwork.asOf)}.`
  }
  const behind = clockwork.behindMs()
  if (behind !== null && behind > staleMs) return `Figures are of ${time(now())}: ${brief(behind)} behind.`
  for (const detail of wire.problems.values()) return sentence(detail)
  return ''
}

function Menu({ session, contactCenter, choose, theme, setTheme, leave }: {
  session: Session
  contactCenter: string
  choose: (id: string) => void
  theme: string
  setTheme: (theme: string) => void
  leave: () => void
}) {
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  useDismiss(box, open, () => setOpen(false))
  return (
    <div class="menu" ref={box}>
      <button type="button" aria-expanded={open} aria-controls="menu" aria-label="Menu" onClick={() => setOpen(!open)}><Icon name={open ? 'close' : 'menu'} /></button>
      <div id="menu" hidden={!open}>
        <p class="user" title={session.user}>{session.user.replace(/^.*\//, '')} <span>({session.role})</span></p>
        {session.contact_centers.length > 1 && (
          <Select label="Contact centre" value={contactCenter} options={session.contact_centers.map(c => [c.id, c.name ?? c.id] as const)} onChange={id => {
            setOpen(false)
            choose(id)
          }} />
        )}
        <Select label="Theme" value={theme} options={[['system', 'System'], ['light', 'Light'], ['dark', 'Dark']]} onChange={setTheme} />
        <button type="button" onClick={() => {
          setOpen(false)
          go('#/floor?tv=1')
        }}><Icon name="expand" /> TV mode</button>
        <button type="button" onClick={leave}>Sign out</button>
      </div>
    </div>
  )
}
