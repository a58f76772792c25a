import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ARCHES, baseKey, mmdebstrapArgs, packagesOf, RUNTIMES, SUITES } from './recipe.ts'

const recipes = ARCHES.flatMap((arch) => RUNTIMES.flatMap((runtime) => SUITES.map((suite) => ({ arch, runtime, suite }))))

test('each image has one kernel, one runtime and what starts containers', () => {
  for (const recipe of recipes) {
    const packages = packagesOf(recipe)
    assert.equal(packages.filter((name) => name.startsWith('linux-image-')).length, 1)
    assert.deepEqual(
      packages.filter((name) => name === 'podman' || name === 'containerd'),
      [recipe.runtime],
    )
    assert.deepEqual([...packages].sort(), packages)
  }
})

test('a base tree is made anew when packages, suite, runtime or archives change, and only then', () => {
  const keys = recipes.flatMap((recipe) => [baseKey(recipe, ['a']), baseKey(recipe, ['b'])])
  assert.equal(new Set(keys).size, keys.length)
  assert.equal(baseKey(recipes[0]!, ['a']), baseKey({ ...recipes[0]! }, ['a']))
})

test('kernel modules of data centres stay out; braces in the list are written out for dpkg', () => {
  const args = mmdebstrapArgs(recipes[0]!, 'out.tar', ['deb http://m.example/debian bookworm main'])
  assert.ok(args.includes('--dpkgopt=path-exclude=/lib/modules/*/kernel/drivers/infiniband/*'))
  assert.ok(args.includes('--dpkgopt=path-exclude=/lib/modules/*/kernel/drivers/gpu/drm/amd/*'))
  assert.ok(!args.some((arg) => arg.startsWith('--dpkgopt') && arg.includes('{')))
  assert.deepEqual(args.slice(-3), ['bookworm', 'out.tar', 'deb http://m.example/debian bookworm main'])
})
