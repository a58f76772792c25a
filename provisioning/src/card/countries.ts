// The countries of wireless-regdb (2026.05.30), without 00 (the world) and AN (gone since 2010): what the kernel knows rules for.
const COUNTRIES: ReadonlySet<string> = new Set(
  (
    'AD AE AF AI AL AM AR AS AT AU AW AZ BA BB BD BE BF BG BH BL BM BN BO BR BS BT BW BY BZ CA CF CH CI CL CN CO CR CU CX CY CZ DE ' +
    'DK DM DO DZ EC EE EG ES ET FI FM FO FR GB GD GE GF GH GI GL GP GR GT GU GY HK HN HR HT HU ID IE IL IM IN IR IS IT JM JO JP KE ' +
    'KH KN KP KR KW KY KZ LB LC LI LK LS LT LU LV MA MC MD ME MF MH MK MN MO MP MQ MR MT MU MV MW MX MY NA NG NI NL NO NP NZ OM PA ' +
    'PE PF PG PH PK PL PM PR PT PW PY QA RE RO RS RU RW SA SE SG SI SK SM SN SR SV SX SY TC TD TG TH TN TR TT TW TZ UA UG US UY UZ ' +
    'VA VC VE VI VN VU WF WS YE YT ZA ZW'
  ).split(' '),
)
/** What people write instead. */
const MEANT: Readonly<Record<string, string>> = { UK: 'GB', EN: 'GB', EL: 'GR', USA: 'US', GER: 'DE', JAP: 'JP', SUI: 'CH' }

/** Why `text` is no country whose radio rules the kernel knows. Upper case is asked for, because `de` is a language. */
export function countryProblem(text: string): string | undefined {
  if (COUNTRIES.has(text)) return undefined
  const upper = text.toUpperCase()
  const meant = MEANT[upper] ?? (COUNTRIES.has(upper) ? upper : undefined)
  if (meant !== undefined) return `must be ${meant}`
  const shape = 'must be the two letters of a country in ISO 3166, such as DE or GB'
  return /^[A-Z]{2}$/.test(text) ? `${shape}; Linux has no radio rules for ${text}` : shape
}
