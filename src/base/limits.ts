// Why: every bound in the system stands here with its unit, so that none is hidden and none is missing.

const SECOND_MS = 1_000;
const MIB = 1024 * 1024;

export const limits = {
  /** A JSON request body; Nova's default (`osapi_max_request_body_size`) is 114688 bytes. */
  bodyBytes: 114_688,
  /** How deep a JSON body may nest. */
  bodyDepth: 64,
  /** Nova's `max_limit`: the longest page of a list. */
  pageSize: 1_000,
  /** How long one API request may take before it is answered 503. */
  requestMs: 60 * SECOND_MS,
  /** user_data, base64 text (Nova's MAX_USERDATA_SIZE). */
  userDataBytes: 65_535,
  /** Servers that one POST may ask for at most. */
  serversPerRequest: 1_000,
  tagsPerServer: 50,
  /** Tokens remembered, and for how long at most: a revoked token dies within this time. */
  tokenCacheEntries: 10_000,
  tokenCacheMs: 60 * SECOND_MS,
  /** How long one call to a neighbour (Keystone, Glance, Neutron) may take. */
  neighbourMs: 30 * SECOND_MS,
  /** A worker's hold on an action; renewed at a third of it. */
  leaseMs: 30 * SECOND_MS,
  /** A host that has not reported for this long is down (Nova's `service_down_time`). */
  hostDownMs: 60 * SECOND_MS,
  hostReportMs: 10 * SECOND_MS,
  /** Attempts to claim on a fresh snapshot before `No valid host was found`. */
  claimAttempts: 3,
  /** libvirtd serves five calls of one connection at a time; a sixth stalls it. */
  libvirtCallsInFlight: 4,
  libvirtCallMs: 30 * SECOND_MS,
  libvirtSlowCallMs: 300 * SECOND_MS,
  /** The largest RPC message that libvirt accepts. */
  libvirtMessageBytes: 32 * MIB,
  /** Fetching the image, making disks and starting the guest. */
  spawnMs: 900 * SECOND_MS,
  /** How long an adjustment waits for the guest before it settles with what was reached. */
  adjustConfirmMs: 30 * SECOND_MS,
  /** A guest that ignores the power button is switched off after this long (Nova's `shutdown_timeout`). */
  shutdownMs: 60 * SECOND_MS,
  /** Console output that is read at most, and the size at which the log is rotated. */
  consoleBytes: 100 * 1024,
  consoleFileBytes: 2 * MIB,
  /** One policy rule, the nesting of rules with all that they refer to, and the whole policy file. */
  policyRuleChars: 16_384,
  policyDepth: 200,
  policyFileBytes: MIB,
  /** How often at most the policy file is looked at for a change. */
  policyCheckMs: 1 * SECOND_MS,
} as const;
