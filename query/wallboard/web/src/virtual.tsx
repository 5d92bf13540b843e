import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

interface Seen {
  top: number
  height: number
  width: number
}

/**
 * Scroll draws of `count` lines of one height only those that can be seen, and a few more. `header` stays on top. Children get the first line, the one after the last,
 * and the width.
 */
export function Scroll({ label, count, lineHeight, header, table, children, lines }: {
  label: string
  table?: string // it is a table of that name, with a row for each of the items and the header's
  count: number
  lineHeight: number // in rem
  header?: ComponentChildren
  children: (first: number, end: number) => ComponentChildren
  lines?: (width: number) => number // how many of the items make one line's worth; 1 without it
}) {
  const box = useRef<HTMLDivElement>(null)
  const [seen, see] = useState<Seen>({ top: 0, height: 800, width: 1000 })
  useLayoutEffect(() => {
    const e = box.current!
    const look = () => see(s => (s.top === e.scrollTop && s.height === e.clientHeight && s.width === e.clientWidth ? s : { top: e.scrollTop, height: e.clientHeight, width: e.clientWidth }))
    let frame = 0
    const soon = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0
        look()
      })
    }
    const observer = new ResizeObserver(soon)
    observer.observe(e)
    e.addEventListener('scroll', soon, { passive: true })
    look()
    return () => {
      observer.disconnect()
      e.removeEventListener('scroll', soon)
      cancelAnimationFrame(frame)
    }
  }, [])
  const px = lineHeight * rem()
  const columns = lines ? Math.max(1, lines(seen.width / rem())) : 1
  const all = Math.ceil(count / columns)
  const first = Math.max(0, Math.min(Math.floor(seen.top / px) - 4, all - 1))
  const end = Math.min(all, Math.ceil((seen.top + Math.min(seen.height, tallest)) / px) + 4)
  return (
    <div class="scroll" ref={box} tabIndex={0} role="region" aria-label={label} data-testid="scroll">
      <div role={table ? 'table' : undefined} aria-label={table} aria-rowcount={table ? count + 1 : undefined}>
        {header}
        <div class="space" role={table ? 'presentation' : undefined} style={{ height: `${all * px}px` }}>
          <div class="window" role={table ? 'rowgroup' : undefined} style={{ transform: `translateY(${first * px}px)`, '--columns': String(columns), '--height': `${lineHeight}rem` }}>
            {children(first * columns, Math.min(count, end * columns))}
          </div>
        </div>
      </div>
    </div>
  )
}

/** Sheet is a table that draws only the rows that can be seen. */
export function Sheet({ label, count: n, kind, head, children }: {
  label: string
  count: number
  kind: string
  head: ComponentChildren
  children: (first: number, end: number) => ComponentChildren
}) {
  return (
    <div class={`sheet ${kind}`}>
      <Scroll label={`${label}, rows`} table={label} count={n} lineHeight={2.5} header={<div class="head" role="rowgroup"><div class="row" role="row" aria-rowindex={1}>{head}</div></div>}>
        {children}
      </Scroll>
    </div>
  )
}

const tallest = 4500 // px: no screen shows more at once

const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize)
