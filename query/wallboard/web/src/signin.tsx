import { useEffect, useRef, useState } from 'preact/hooks'

import { Problem, signIn } from './api.ts'
import type { Session } from './api.ts'
import { Heading, Input } from './parts.tsx'

/** SignIn asks who somebody is; with ended it says why it asks somebody who was signed in. */
export function SignIn({ signedIn, ended }: { signedIn: (session: Session) => void; ended: boolean }) {
  const [byToken, setByToken] = useState(false)
  const [user, setUser] = useState('')
  const [secret, setSecret] = useState('')
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => form.current!.querySelector('input')?.focus(), [byToken])
  const submit = async () => {
    setBusy(true)
    setError('')
    try {
      signedIn(await signIn(byToken ? { token: secret } : { user, password: secret }))
    } catch (e) {
      setError(say(e, byToken))
      setBusy(false)
    }
  }
  return (
    <main class="signin" id="main">
      <form ref={form} aria-label="Sign in" onSubmit={e => {
        e.preventDefault()
        void submit()
      }}>
        <p class="brand"><Logo /> Floorwalker</p>
        <Heading page="Sign in">Sign in</Heading>
        {ended && !error && <p class="note" role="status">Your session has ended. Sign in to go on where you were.</p>}
        {!byToken && <Input label="User" type="text" name="username" autocomplete="username" required value={user} onInput={e => setUser(e.currentTarget.value)} />}
        <Input key={String(byToken)} label={byToken ? 'Token' : 'Password'} name="password" type="password" autocomplete={byToken ? 'off' : 'current-password'} required value={secret} onInput={e => setSecret(e.currentTarget.value)} />
        {error && <p class="trouble" role="alert">{error}</p>}
        <button type="submit" class="primary" disabled={busy}>Sign in</button>
        <button type="button" class="quiet" onClick={() => {
          setByToken(!byToken)
          setSecret('')
          setError('')
        }}>{byToken ? 'Use a password' : 'Use a token'}</button>
      </form>
    </main>
  )
}

function say(e: unknown, byToken: boolean): string {
  if (!(e instanceof Problem)) return String(e)
  if (e.status === 401) return byToken ? 'This token is not known.' : 'User and password do not match.'
  if (e.status === 429) return `Too many attempts. Try again ${e.retryAfter === null ? 'later' : `in ${e.retryAfter} s`}.`
  return e.message
}

export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect class="field" width="32" height="32" rx="7" />
    <rect class="one" x="7" y="16" width="4.5" height="9" rx="1.5" />
    <rect class="one" x="13.75" y="11" width="4.5" height="14" rx="1.5" />
    <rect class="two" x="20.5" y="7" width="4.5" height="18" rx="1.5" />
  </svg>
)
