/**
 * Two clocks of the floor, told from what the server says.
 *
 * `now` is the floor's: what ages are counted to. It goes on from the newest `as_of` while the connection stands, and stands still without one, because
 * figures of the past do not grow older. `lag` is how far the view is behind the server's own time.
 */
export class Clockwork {
  asOf: number | null = null // of the newest message
  heard: number | null = null // when it came, by the local clock
  lostAt: number | null = null
  private server = 0 // server's time − local time
  private sure = false

  /** serverTime takes the Date header of an answer, which is cut to the second, that was received at a local moment. */
  serverTime(date: string | null, received: number): void {
    const at = date === null ? NaN : Date.parse(date)
    if (Number.isNaN(at)) return
    // It is written when the answer is ready, so how long the answer took does not matter; the way here may take as long as `wayMs`.
    // What is known already is kept as far as it agrees.
    const low = at - received
    const high = at + 1000 - received + wayMs
    this.server = this.sure ? Math.min(Math.max(this.server, low), high) : at + 500 - received
    this.sure = true
  }

  /** message takes the `as_of` of a message that came now. */
  message(asOf: number, local: number): void {
    this.asOf = asOf
    this.heard = local
    this.lostAt = null
  }

  /** found: the connection stands again, though nothing has been said yet. */
  found(): void {
    this.lostAt = null
  }

  lost(local: number): void {
    this.lostAt ??= local
  }

  /** serverNow is the server's time, at the present the best that is known. */
  serverNow(local: number): number {
    return local + this.server
  }

  /** now is the floor's time. */
  now(local: number): number {
    if (this.asOf === null || this.heard === null) return this.serverNow(local)
    if (this.lostAt !== null) return this.asOf
    return this.asOf + (local - this.heard)
  }

  /** behindMs is how old the figures were when they came, or null where the server's time is not known. */
  behindMs(): number | null {
    return this.sure && this.asOf !== null && this.heard !== null ? this.serverNow(this.heard) - this.asOf : null
  }
}

const wayMs = 500

/** Silence after which the stream is given up: it says something every 15 s. */
export const silenceMs = 22_000

/** What is older than this is worth a warning. */
export const staleMs = 5_000

/** pauseMs is how long to wait before the n-th attempt (from 0), up to ten seconds, with some of it left to chance so that not all walls come at once. */
export function pauseMs(attempt: number, chance: number): number {
  return Math.min(10_000, 1000 * 2 ** Math.min(attempt, 4)) * (0.75 + chance / 2)
}
