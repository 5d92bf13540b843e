// Fails unless ../dist is what the sources give: npm run verify.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { build } from 'vite'

const root = import.meta.dirname
const committed = path.join(root, '../dist')
const made = await mkdtemp(path.join(tmpdir(), 'wallboard-'))
try {
  await build({ root, logLevel: 'error', build: { outDir: made } })
  const files = async dir => (await readdir(dir, { recursive: true, withFileTypes: true })).filter(f => f.isFile()).map(f => path.relative(dir, path.join(f.parentPath, f.name))).sort()
  const hint = '../dist is not what the sources give; npm ci && npm run build makes it'
  assert.deepEqual(await files(committed), await files(made), hint)
  for (const name of await files(made)) assert.ok((await readFile(path.join(committed, name))).equals(await readFile(path.join(made, name))), `${name}: ${hint}`)
} finally {
  await rm(made, { recursive: true })
}
