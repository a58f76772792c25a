import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mountAt, mountsWithin, parseMountInfo } from './mount-table.ts'

const TEXT = String.raw`21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/mmcblk0p2 rw
30 21 0:25 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=1k
31 30 0:26 / /run/a\040b/v rw shared:6 master:2 - nfs4 [fd00::1]:/my\040files rw,vers=4.2
32 30 8:1 /etc /run/a\040b/v rw - ext4 /dev/mmcblk0p2 rw
33 30 0:27 / /run/a\040bc rw - tmpfs tmpfs rw
34 31 0:28 / /run/a\040b/v/deep rw - tmpfs x\134y rw
not a line
40 21`

const mounts = parseMountInfo(TEXT)

test('a line of mountinfo is read, with any number of optional fields and odd characters', () => {
  assert.deepEqual(mounts[2], { id: 31, parentId: 30, root: '/', target: '/run/a b/v', fsType: 'nfs4', source: '[fd00::1]:/my files' })
  assert.equal(mounts[5]?.source, 'x\\y')
  assert.equal(mounts.length, 6)
})

test('what is mounted within a folder comes with the latest first, and beside it does not', () => {
  assert.deepEqual(
    mountsWithin(mounts, '/run/a b').map(({ id }) => id),
    [34, 32, 31],
  )
  assert.equal(mountsWithin(mounts, '/').length, 6)
})

test('of two mounts at one place the later is seen', () => {
  assert.equal(mountAt(mounts, '/run/a b/v')?.id, 32)
  assert.equal(mountAt(mounts, '/run/a b'), undefined)
})
