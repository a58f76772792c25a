import type { Pki } from './pki.ts'

/** An admin's kubeconfig: YAML that is JSON inside, as kubectl accepts it. Holds a private key. @param server e.g. `https://192.0.2.10:6443`. */
export function adminKubeconfig(pki: Pki, server: string): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  return `apiVersion: v1
kind: Config
clusters:
- name: bramble
  cluster:
    server: ${server}
    certificate-authority-data: ${base64(pki.authority)}
users:
- name: bramble-admin
  user:
    client-certificate-data: ${base64(pki.admin.certificate)}
    client-key-data: ${base64(pki.admin.key)}
contexts:
- name: bramble
  context:
    cluster: bramble
    user: bramble-admin
current-context: bramble
`
}
