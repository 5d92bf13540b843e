import { useEffect, useState } from 'preact/hooks'

/** Store tells those who listen that something has changed. */
export class Store {
  private readonly listeners = new Set<() => void>()

  listen(f: () => void): () => void {
    this.listeners.add(f)
    return () => void this.listeners.delete(f)
  }

  changed(): void {
    for (const f of this.listeners) f()
  }
}

/** useStore draws the component anew when the store changes, once a frame at most. */
export function useStore(store: Store): void {
  const [, draw] = useState(0)
  useEffect(() => {
    let frame = 0
    const stop = store.listen(() => {
      frame ||= requestAnimationFrame(() => {
        frame = 0
        draw(n => n + 1)
      })
    })
    return () => {
      stop()
      cancelAnimationFrame(frame)
    }
  }, [store])
}

const seconds = new Store()
setInterval(() => seconds.changed(), 1000)

/** useSecond draws the component anew every second: times tick. */
export const useSecond = () => useStore(seconds)

/** useStored is a setting of this browser. */
export function useStored(name: string, standard: string): [string, (value: string) => void] {
  const key = `floorwalker.${name}`
  const [value, set] = useState(() => read(key) ?? standard)
  return [value, next => {
    write(key, next)
    set(next)
  }]
}

// A browser may forbid storage; the page then forgets.
export function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

export function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // as above
  }
}
