import { createHash } from 'node:crypto'

/** Something that is inside a release and that others made. */
export interface Component {
  readonly name: string
  readonly version: string
  /** SPDX expression, or NOASSERTION. */
  readonly license: string
  /** @see https://github.com/package-url/purl-spec */
  readonly purl: string
  readonly checksum: { readonly algorithm: 'SHA256' | 'SHA512'; readonly hex: string } | undefined
  readonly comment?: string
}

export interface SbomOptions {
  readonly version: string
  readonly arch: string
  /** Seconds. */
  readonly time: number
  readonly components: readonly Component[]
}

/** @param integrity As npm writes it. */
export const npmChecksum = (integrity: string | undefined): Component['checksum'] =>
  integrity?.startsWith('sha512-') === true
    ? { algorithm: 'SHA512', hex: Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex') }
    : undefined

/** @param name May have a scope. */
export const npmPurl = (name: string, version: string): string => `pkg:npm/${name.replace(/^@/, '%40')}@${version}`

/** What a release consists of. @see https://spdx.github.io/spdx-spec/v2.3/ */
export function sbom({ version, arch, time, components }: SbomOptions): string {
  const name = `bramble-${version}-linux-${arch}`
  const packages = components.map((each) => spdxPackage(each))
  const own = {
    ...spdxPackage({
      name: 'bramble',
      version,
      license: 'Apache-2.0',
      purl: `pkg:generic/bramble@${version}?arch=${arch}`,
      checksum: undefined,
    }),
    primaryPackagePurpose: 'APPLICATION',
  }
  const hash = createHash('sha256')
    .update(JSON.stringify([own, packages]))
    .digest('hex')
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `https://bramble.dev/spdx/${name}-${hash.slice(0, 32)}`,
    creationInfo: { created: new Date(time * 1000).toISOString().replace(/\.\d+/, ''), creators: ['Tool: bramble-release'] },
    packages: [own, ...packages],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: own.SPDXID },
      ...packages.map(({ SPDXID }) => ({ spdxElementId: own.SPDXID, relationshipType: 'CONTAINS', relatedSpdxElement: SPDXID })),
    ],
  }
  return `${JSON.stringify(document, null, 1)}\n`
}

/** Letters of SPDX identifiers; two versions of one package differ. */
const spdxId = (name: string, version: string): string =>
  `SPDXRef-Package-${`${name}-${version}`.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^-/, '')}`

/** What SPDX takes as an expression, as far as npm packages have one. */
const isExpression = (license: string): boolean => /^\(?[A-Za-z0-9.+-]+\)?( (AND|OR|WITH) \(?[A-Za-z0-9.+-]+\)?)*$/.test(license)

function spdxPackage({ name, version, license, purl, checksum, comment }: Component) {
  return {
    SPDXID: spdxId(name, version),
    name,
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: isExpression(license) ? license : 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    ...(checksum && { checksums: [{ algorithm: checksum.algorithm, checksumValue: checksum.hex }] }),
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
    ...(comment !== undefined && { comment }),
  }
}
