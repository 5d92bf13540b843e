import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'

import { Problem } from './api.ts'
import { pressed, writeSort } from './lib/order.ts'
import type { SortKey } from './lib/order.ts'
import { shown, statusName } from './lib/status.ts'
import type { Heads } from './lib/status.ts'
import { anyOf, byGroup, groupOf } from './lib/status.ts'
import type { Level } from './lib/thresholds.ts'

/** Icon is drawn beside words, never instead of them, so it says nothing to screen readers. */
export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}

const paths = {
  clock: 'M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15ZM10 6v4.2l2.8 1.7',
  warning: 'M10 3 1.8 17h16.4L10 3Zm0 5v4m0 2.3v.4',
  alarm: 'M6.6 2h6.8L18 6.6v6.8L13.4 18H6.6L2 13.4V6.6L6.6 2ZM10 6v5m0 2.6v.4',
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  close: 'm5 5 10 10M15 5 5 15',
  up: 'm5 12 5-5 5 5',
  down: 'm5 8 5 5 5-5',
  back: 'm12 5-5 5 5 5',
  expand: 'M3 7V3h4m6 0h4v4m0 6v4h-4m-6 0H3v-4',
  download: 'M10 3v9m-4-4 4 4 4-4M4 16.5h12',
  in: 'M15 5 6 14m0-6v6h6',
  out: 'm5 15 9-9m-6 0h6v6',
} as const

const levels: Record<Exclude<Level, 'calm'>, { icon: 'warning' | 'alarm'; name: string }> = {
  late: { icon: 'warning', name: 'Late' },
  overdue: { icon: 'alarm', name: 'Overdue' },
}

/** LevelMark says by sign and word what the colour says too. */
export function LevelMark({ level }: { level: Level }) {
  if (level === 'calm') return null
  const { icon, name } = levels[level]
  return (
    <span class={`mark ${level}`}>
      <Icon name={icon} /> {name}
    </span>
  )
}

export function Figure({ name, figure, children, class: extra, title, beside }: {
  name: ComponentChildren
  figure: string
  children: ComponentChildren
  class?: string
  title?: string | undefined
  beside?: ComponentChildren // small, below
}) {
  return (
    <div class={`figure ${extra ?? ''}`} title={title}>
      <dt>{name}</dt>
      <dd data-figure={figure} class={children === '0' || children === '–' ? 'nought' : ''}>{children}</dd>
      {beside && <dd class="beside">{beside}</dd>}
    </div>
  )
}

/** Staff shows agents by group of status: a bar of shares, and each count in words, which leads to those agents where there is a link for their filter. */
export function Staff({ heads, linkOf }: { heads: Heads; linkOf?: ((status: string) => string) | undefined }) {
  const counts = byGroup(heads)
  return (
    <div class="staff">
      <div class="shares" aria-hidden="true">
        {shown.map(({ group }) => counts[group] > 0 && <span key={group} class={`fill ${group}`} style={{ flexGrow: String(counts[group]) }} />)}
      </div>
      <ul class="heads" aria-label="Agents by status">
        {shown.map(({ group, name }) => (
          <li key={group} class={counts[group] === 0 ? 'none' : ''}>
            <span class={`dot ${group}`} aria-hidden="true" />
            {linkOf && counts[group] > 0 ? (
              <a href={linkOf(anyOf(group))}><b data-figure={`agents.${group}`}>{counts[group]}</b> <span class="word">{name}</span></a>
            ) : (
              <><b data-figure={`agents.${group}`}>{counts[group]}</b> <span class="word">{name}</span></>
            )}
          </li>
        ))}
      </ul>
    </div>
  )
}

export function StatusChip({ status, suspended }: { status: string; suspended?: boolean }) {
  return (
    <span class={`chip ${suspended && status === 'available' ? 'away' : groupOf(status)}`}>
      <span class="dot" aria-hidden="true" />
      {statusName(status)}
      {suspended && <span class="tag">suspended</span>}
    </span>
  )
}

type Option = readonly [value: string, name: string]

export function Select({ label, value, options, onChange, hideLabel, disabled }: {
  label: string
  value: string
  options: readonly Option[]
  onChange: (value: string) => void
  hideLabel?: boolean
  disabled?: boolean
}) {
  const id = useId()
  return (
    <div class="field">
      <label for={id} class={hideLabel ? 'unseen' : ''}>{label}</label>
      <select id={id} value={value} disabled={disabled} onChange={e => onChange(e.currentTarget.value)}>
        {options.map(([v, name]) => (
          <option key={v} value={v} selected={v === value}>{name}</option>
        ))}
      </select>
    </div>
  )
}

interface InputProps {
  label: string
  type: string
  value: string
  onInput?: (e: { currentTarget: HTMLInputElement }) => void
  onChange?: (e: { currentTarget: HTMLInputElement }) => void
  name?: string
  autocomplete?: string
  required?: boolean
  placeholder?: string
  maxLength?: number
  min?: string
  step?: string
  inputMode?: 'decimal'
  'data-focus'?: boolean
}

export function Input({ label, ...rest }: InputProps) {
  const id = useId()
  const props = rest as JSX.IntrinsicElements['input'] // its type cannot be narrowed by the kind of field
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input {...props} id={id} />
    </div>
  )
}

export function Check({ label, checked, onChange }: { label: string; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={e => onChange(e.currentTarget.checked)} /> {label}
    </label>
  )
}

/** Choice is a row of radio buttons that looks like one switch. */
export function Choice({ label, value, options, onChange }: { label: string; value: string; options: readonly Option[]; onChange: (value: string) => void }) {
  const name = useId()
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map(([v, text]) => (
        <label key={v} class={v === value ? 'on' : ''}>
          <input type="radio" name={name} value={v} checked={v === value} onChange={() => onChange(v)} />
          {text}
        </label>
      ))}
    </fieldset>
  )
}

/** SortHead is a column's head that sorts by it. */
export function SortHead({ field, name, firstDesc, keys, change }: { field: string; name: string; firstDesc?: boolean; keys: SortKey[]; change: (sort: string) => void }) {
  const at = keys.findIndex(k => k.field === field)
  const desc = at >= 0 && keys[at]!.desc
  return (
    <div role="columnheader" class={`cell ${field}`} aria-sort={at === 0 ? (desc ? 'descending' : 'ascending') : undefined} data-sort={at < 0 ? undefined : `${at + 1}:${desc ? 'desc' : 'asc'}`}>
      <button type="button" title="With Shift: as a further key" onClick={e => change(writeSort(pressed(keys, field, e.shiftKey, firstDesc)))}>
        {name}
        {at >= 0 && <Icon name={desc ? 'down' : 'up'} />}
        {at >= 0 && keys.length > 1 && <sup aria-label={`key ${at + 1}`}>{at + 1}</sup>}
      </button>
    </div>
  )
}

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>

/** Trouble says what went wrong with a request; once: with one that is not asked again by itself (useAsk). */
export const Trouble = ({ error, once }: { error: Problem | null; once?: boolean }) => (error ? <p class="trouble" role="alert">{sentence(error.message)}{!once && passing(error) && ' It is tried again.'}</p> : null)

/** sentence makes one of what the API says. */
export const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.')

/** Asked is the state of a request. */
export interface Asked<T> {
  value: T | null
  error: Problem | null
  busy: boolean
  again: () => void
}

const againMs = 5000

/** passing errors may be gone in a moment. */
const passing = (e: Problem) => e.status === 0 || e.status === 429 || e.status >= 500

/** useAsk asks whenever `key` becomes another, and keeps the last answer while it does; null asks nothing. What failed and may pass is asked again. */
export function useAsk<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>): Asked<T> {
  const [state, set] = useState<{ value: T | null; error: Problem | null; busy: boolean }>({ value: null, error: null, busy: key !== null })
  const [round, next] = useState(0)
  const latest = useRef(ask)
  latest.current = ask
  useEffect(() => {
    if (key === null) return
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    set(s => ({ ...s, busy: true }))
    latest.current(abort.signal).then(
      value => !abort.signal.aborted && set({ value, error: null, busy: false }),
      (e: unknown) => {
        if (abort.signal.aborted) return
        const error = e instanceof Problem ? e : new Problem(0, 'unknown', String(e))
        set(s => ({ value: passing(error) ? s.value : null, error, busy: false })) // what was refused has no answer, nor is an earlier one its
        if (passing(error)) timer = setTimeout(() => next(n => n + 1), Math.max(againMs, 1000 * (error.retryAfter ?? 0)))
      },
    )
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [key, round])
  return { ...state, again: () => next(n => n + 1) }
}

/** useDismiss closes what hangs open over the page when somebody turns to something else, or presses Escape; then the focus goes back to what opened it. */
export function useDismiss(box: { current: HTMLElement | null }, open: boolean, close: () => void): void {
  useEffect(() => {
    if (!open) return
    const away = (e: Event) => {
      if (!box.current?.contains(e.target as Node)) close()
    }
    const escape = (e: KeyboardEvent) => {
      if (e.key !== 'Escape') return
      close()
      box.current?.querySelector<HTMLElement>('button, summary')?.focus()
    }
    addEventListener('pointerdown', away)
    addEventListener('focusin', away)
    addEventListener('keydown', escape)
    return () => {
      removeEventListener('pointerdown', away)
      removeEventListener('focusin', away)
      removeEventListener('keydown', escape)
    }
  }, [open])
}

/** Heading is the page's h1, which takes the focus when the page becomes another (see the frame), and its title. */
export function Heading({ children, page }: { children: ComponentChildren; page: string }) {
  useEffect(() => {
    document.title = `${page} · Floorwalker`
  }, [page])
  return <h1 tabIndex={-1}>{children}</h1>
}
