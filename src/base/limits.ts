// Why: what requests, neighbours, hosts and guests may cost (sizes, counts, depths), and how long anything of theirs is waited for or kept,
// is bounded here with its unit, so that no such bound is hidden. How long a name may be or which numbers a field takes is no cost: that
// is the form of a value, and may stand with its schema.

const SECOND_MS = 1_000;
const MIB = 1024 * 1024;

export const limits = {
  /** A JSON request body; Nova's default (`osapi_max_request_body_size`) is 114688 bytes. */
  bodyBytes: 114_688,
  /** Characters of a refused value that its refusal quotes. */
  shownChars: 4_096,
  /** How deep a JSON body may nest. */
  bodyDepth: 64,
  /** Nova's `max_limit`: the longest page of a list. */
  pageSize: 1_000,
  /** Pages of an operator's volumes that are looked through when servers are taken over. */
  movingPages: 500,
  /** Disks of a server on its host's own storage, its root disk among them (Nova: max_local_block_devices). */
  localBlockDevices: 3,
  /** Parameters of one query string, and different words that one of its filters may ask for. */
  queryValues: 1_000,
  queryWords: 500,
  /** How long a JSON body may take to come. */
  bodyMs: 60 * SECOND_MS,
  /** How long the head of a request may take, and after how long a connection on which nothing moves is cut. */
  httpHeadMs: 30 * SECOND_MS,
  httpIdleMs: 120 * SECOND_MS,
  /** How long an answer may be in the making while nothing moves on its connection. */
  httpAnswerMs: 900 * SECOND_MS,
  /** Connections at once, and those of one address. */
  httpConnections: 8_192,
  httpConnectionsPerAddress: 1_024,
  /** Requests of one address that are under way at once, and how long another may wait because they are. */
  httpRequestsPerAddress: 64,
  httpRequestWaitMs: 30 * SECOND_MS,
  /** Requests that may wait on one connection for the answers before theirs. */
  httpPipelined: 64,
  /** How long requests under way may take to end once the process shall stop. */
  httpGraceMs: 10 * SECOND_MS,
  /** user_data, base64 text (Nova's MAX_USERDATA_SIZE). */
  userDataBytes: 65_535,
  /** A file with a template for cloud-init, and what a server has of one: with user data a guest is given 112 KiB at most. */
  cloudInitTemplateBytes: 32 * 1024,
  /** Servers that one POST may ask for at most. */
  serversPerRequest: 1_000,
  /** Answers of megabytes that are made at once; more wait for their turn, and are made no later for that: the thread is one. */
  largeAnswersAtOnce: 1,
  /** In what parts they are made and sent. */
  answerPartBytes: 64 * 1024,
  /** Answers kept until somebody commits, and the longest of them. */
  responseCacheEntries: 1_000,
  responseCacheEntryChars: 64 * 1024,
  /** How long a SQLite file that another process writes is waited for, and how often it is tried. */
  sqliteWaitMs: 10 * SECOND_MS,
  sqliteRetryMs: 3,
  /** When whoever was told that the database is away, or full, may ask again. */
  databaseRetrySeconds: 5,
  /** How long what was found out for /readyz is told to those who ask again: finding out writes. */
  readinessMs: 2 * SECOND_MS,
  /** What /readyz writes where data is kept. */
  readinessBytes: 64 * 1024,
  /** How long a start waits for another process that makes or upgrades the schema. */
  schemaLockMs: 60 * SECOND_MS,
  tagsPerServer: 50,
  tagCharacters: 60,
  /** A server's encrypted password, base64 (Nova's bound). */
  sealedPasswordCharacters: 1_020,
  /** How long the address of a console is good (Nova's `consoleauth.token_ttl`). */
  consoleTokenMs: 600 * SECOND_MS,
  /** Consoles that are open at once: all, and those of one token, user and project; and the largest frame that a client may send (a pasted text). */
  consolesAtOnce: 500,
  consoleShares: { token: 8, user: 50, project: 100 },
  consoleFrameBytes: MIB,
  /** How long a guest's console may take to answer, and how often a client has to show that it lives. */
  consoleConnectMs: 5 * SECOND_MS,
  consoleKeepaliveMs: 30 * SECOND_MS,
  /** A console through which nothing goes for this long is closed. */
  consoleIdleMs: 3_600 * SECOND_MS,
  /** How long clients of consoles may take to say goodbye once the process shall stop. */
  consoleFarewellMs: 1 * SECOND_MS,
  /**
   * The dashboard: streams of news at once, and those of one user; how often it is looked for what changed, by looks that overlap because
   * a time is written before it is committed; how often a stream shows that it lives; how many servers a piece of news names; what a client
   * may leave unread; and what it may send to sign in.
   */
  dashboardStreams: 2_000,
  dashboardStreamsPerUser: 16,
  dashboardTickMs: SECOND_MS,
  dashboardOverlapMs: 10 * SECOND_MS,
  dashboardChanges: 2_000,
  dashboardHeartbeatMs: 15 * SECOND_MS,
  dashboardHintIds: 200,
  dashboardUnreadBytes: 64 * 1024,
  dashboardSignInBytes: 16 * 1024,
  /** Tokens remembered, and for how long at most: a revoked token dies within this time. */
  tokenCacheEntries: 10_000,
  tokenCacheMs: 60 * SECOND_MS,
  /** The same where several processes of the built-in identity service share one database. */
  sharedTokenCacheMs: 5 * SECOND_MS,
  /** How long a refused token stays refused without being asked for again. */
  tokenRefusedCacheMs: 5 * SECOND_MS,
  /** How often at most the directory of token keys is looked at for a change. */
  tokenKeysCheckMs: 1 * SECOND_MS,
  /** Connections to one neighbour, and the largest JSON answer taken from it. */
  neighbourConnections: 16,
  neighbourAnswerBytes: 4 * MIB,
  /** The same of image and network services, which list everything that a project has. */
  neighbourListBytes: 64 * MIB,
  /** Characters of what a neighbour says went wrong that are passed on. */
  neighbourWords: 1_000,
  /** Access rules of one application credential, and that one user has in all: they stay when the credential goes. */
  accessRulesPerCredential: 100,
  accessRulesPerUser: 1_000,
  /** Of a path that access rules are held against, each of them: a longer one is no rule's. */
  accessPathCharacters: 1_024,
  /** Users in one group: what is taken from a group is taken from each of them at once. */
  groupMembers: 1_000,
  /** Services, endpoints or regions that an administrator may add to the catalog. */
  catalogEntries: 1_000,
  /**
   * Built-in identity: the longest password, hashes computed at once, and logins that may wait for their turn: of one user at one
   * address, of one address, of all.
   */
  passwordChars: 4_096,
  passwordHashesAtOnce: 2,
  passwordHashesPerUser: 16,
  passwordHashesPerAddress: 64,
  passwordHashesWaiting: 1_024,
  /** How often Neutron is asked whether the ports of a new server work. */
  portPollMs: 500,
  /** How long an address from Keystone's catalog is taken for good. */
  catalogCacheMs: 300 * SECOND_MS,
  /** How long one call to a neighbour (Keystone, Glance, Neutron) may take. */
  neighbourMs: 30 * SECOND_MS,
  /** As neighbourMs, of Placement, which nobody waits for. */
  placementMs: 10 * SECOND_MS,
  /** What waits for one log file of a VM or migration until it is written; what is more stands on stderr alone. */
  logFileBytes: MIB,
  /** Tokens that are kept for application credentials of `Authorization: Basic`, and for how long. */
  credentialTokens: 1_000,
  credentialTokenMs: 300 * SECOND_MS,
  /** How long such a token must be good yet. */
  credentialTokenLeftMs: 30 * SECOND_MS,
  /** Between two looks of a command that waits for what it began. */
  commandPollMs: 500,
  /** Between two looks of `xloud host drain`, and how long it bears a service that does not answer. */
  drainPollMs: SECOND_MS,
  drainOutageMs: 5 * 60 * SECOND_MS,
  /** A worker's hold on an action; renewed at a third of it. */
  leaseMs: 30 * SECOND_MS,
  /** How long the action that an image is made for waits for it: twice a call to the image service. */
  imageMadeMs: 60 * SECOND_MS,
  /** A host that has not reported for this long is down (Nova's `service_down_time`). */
  hostDownMs: 60 * SECOND_MS,
  hostReportMs: 10 * SECOND_MS,
  /** How long a start waits for the first report of a host before it answers all the same, and how often it looks. */
  firstReportMs: 10 * SECOND_MS,
  firstReportPollMs: 20,
  /** How often a host tells what its guests take, which is a slot of the ring of a day, and how long a guest is looked at for what it takes now. */
  usageSlotMs: 300 * SECOND_MS,
  usageLookMs: 1 * SECOND_MS,
  /** How often a host tells what its guests are short of, for servers that adjust themselves. */
  pressureMs: 30 * SECOND_MS,
  /** Policies of servers that adjust themselves, in a project; and how long what they decided is kept. */
  adjustPolicies: 100,
  sizeSchedules: 20,
  decisionsKeptMs: 30 * 86_400 * SECOND_MS,
  /** How long after its end an hour is recorded for bills; what becomes known later is added to it. */
  meteringDelayMs: 300 * SECOND_MS,
  /** Reports of all hosts together in a second; where they are more, each reports more seldom. */
  hostReportsPerSecond: 50,
  /** How often a host tells all that it has, be there news or not. */
  inventoryEveryMs: 60 * SECOND_MS,
  /** How often it is counted how many hosts there are, for the time between their reports. */
  fleetCountMs: 60 * SECOND_MS,
  /** Hosts whose reports are taken at once; those of one are taken one after another. */
  reportsAtOnce: 8,
  /** A guest's size that changes by itself again within this time is one record in its history. */
  driftQuietMs: 60 * SECOND_MS,
  /** Requests and events that may wait for one guest on its agent. */
  mailboxLetters: 64,
  /** Answers of what must not be done twice that a host keeps for one guest. */
  answersKept: 8,
  /** The largest file of a guest's answers that is read, in bytes. */
  answersFileBytes: 1024 ** 2,
  /** How long a closing agent waits for what is under way. */
  agentGraceMs: 30 * SECOND_MS,
  /** Reports that may wait for one listener. */
  busBacklog: 10_000,
  /** A broker: how long connecting to it may take, the longest pause between two attempts, and after what silence it is given up. */
  busConnectMs: 10 * SECOND_MS,
  busBackoffMs: 5 * SECOND_MS,
  busHeartbeatMs: 10 * SECOND_MS,
  /** How long whoever has something to say waits for a broker that is away before it is told so. */
  busAwayMs: 3 * SECOND_MS,
  /** Calls that an agent works on at once, and those that may wait for it in the broker. */
  busCallsAtOnce: 128,
  busCallsQueued: 10_000,
  /** How often a call is given to agents that end while they work on it. */
  busCallDeliveries: 20,
  /** Ids of calls that an agent remembers until they expire, so that none is answered twice. */
  busCallsRemembered: 100_000,
  /** By how much the clocks of the control plane and of a host may differ. */
  busClockSkewMs: 30 * SECOND_MS,
  /** A host's queue that no agent asked for in this time is removed. */
  busQueueIdleMs: 24 * 3_600 * SECOND_MS,
  /** Queues that reports are divided among, by host; what one of them keeps, and gives to a worker ahead of its acknowledgements. */
  busReportQueues: 8,
  busReportsQueued: 10_000,
  busReportsAhead: 200,
  /** How often a worker looks whether it takes more than its share of them. */
  busShareMs: 15 * SECOND_MS,
  /** Nudges that wait for one worker; it looks by itself anyway. */
  busNudgesQueued: 1_000,
  /** What could not be taken: so much of it is kept, and for how long. */
  busDeadQueued: 10_000,
  busDeadMs: 7 * 24 * 3_600 * SECOND_MS,
  /** How deep a query about hosts may nest, and how long it may be (JsonFilter): it is asked of every host. */
  hostQueryDepth: 32,
  hostQueryCharacters: 4_096,
  /** So many hosts that could take a server are compared; in a larger cloud each pass looks at others. */
  hostsWeighed: 200,
  /** Of so many hosts, the fullest, so many servers each are looked at for moves that open room; and the most moves of a plan. */
  balanceHosts: 16,
  balanceServers: 64,
  balanceMoves: 50,
  /** Looks at what changed of hosts overlap by this much: for transactions that take that long. Of all hosts each so often. */
  hostChangesOverlapMs: 2 * SECOND_MS,
  hostChangesWholeMs: 10 * SECOND_MS,
  /** Servers that are placed together are claimed for in transactions of so many hosts. */
  hostsClaimedAtOnce: 50,
  /** How long servers that were asked for together wait for the one that places them all, should it be lost. */
  placedTogetherMs: 60 * SECOND_MS,
  /** Servers that wait for room and look again when some appears. */
  wokenAtOnce: 16,
  /** Attempts to claim on a fresh snapshot before `No valid host was found`. */
  claimAttempts: 3,
  /** libvirtd serves five calls of one connection at a time; a sixth stalls it. */
  libvirtCallsInFlight: 4,
  /** libvirtd's `min_workers`: so many calls it works on at a time for sure, of all clients. */
  libvirtWorkers: 5,
  libvirtCallMs: 30 * SECOND_MS,
  libvirtJobCallMs: 120 * SECOND_MS,
  libvirtSlowCallMs: 300 * SECOND_MS,
  /** Calls that wait for a free place on a connection; more are refused. */
  libvirtCallsQueued: 10_000,
  /** Connecting, authentication and opening the driver; a daemon that has just started probes QEMU first. */
  libvirtConnectMs: 30 * SECOND_MS,
  /** How long a call waits for a lost connection to come back before it fails. */
  libvirtReconnectWaitMs: 5 * SECOND_MS,
  /** The longest pause between two attempts to connect again. */
  libvirtBackoffMs: 10 * SECOND_MS,
  /** A silent daemon is pinged after the first time and given up after the second. */
  libvirtPingMs: 5 * SECOND_MS,
  libvirtSilenceMs: 15 * SECOND_MS,
  /** The longest string that libvirt's protocol carries. */
  libvirtStringBytes: 4 * MIB,
  /** The largest RPC message that libvirt accepts. */
  libvirtMessageBytes: 32 * MIB,
  /** Fetching the image, making disks and starting the guest. */
  spawnMs: 900 * SECOND_MS,
  /** How long the balloon of a guest that just started may stay above its size before the guest counts as having no driver for it. */
  startSettleMs: 120 * SECOND_MS,
  /** How long a live migration may take before it is given up, and how often it is looked at. */
  liveMigrationMs: 3_600 * SECOND_MS,
  livePollMs: SECOND_MS / 4,
  /** How long nothing of a guest may go out before the wire counts as cut: less than libvirt's own 25 s. */
  liveSilenceMs: 15 * SECOND_MS,
  /** How long a host may take to give one up. */
  liveAbortMs: 300 * SECOND_MS,
  /** Disks that go from host to host: what is read and proven at a time, and how long nothing may come before the way is thought lost. */
  diskPieceBytes: MIB,
  diskIdleMs: 60 * SECOND_MS,
  /** How long they are offered after somebody asked for them last, who reads them at once, and what they may tell of themselves. */
  diskOfferMs: 600 * SECOND_MS,
  diskConnections: 64,
  diskHandshakeMs: 10 * SECOND_MS,
  diskManifestBytes: MIB,
  /** How long an adjustment waits for the guest before it settles with what was reached. */
  adjustConfirmMs: 30 * SECOND_MS,
  /** A guest that ignores the power button is switched off after this long (Nova's `shutdown_timeout`). */
  shutdownMs: 60 * SECOND_MS,
  /** Console output that is read at most, and the size at which the log is rotated. */
  consoleBytes: 100 * 1024,
  consoleFileBytes: 2 * MIB,
  /** The longest path of a Unix socket (`sun_path`, with the zero at its end). */
  socketPathBytes: 107,
  /** How often the size of console logs is looked at. */
  consoleCheckMs: 30 * SECOND_MS,
  /** One run of qemu-img, mkfs, genisoimage: the time it may take and the output that is kept. */
  programMs: 600 * SECOND_MS,
  programOutputBytes: 4 * MIB,
  /** An image that no guest uses is dropped from a host's cache after this long. */
  imageCacheMs: 24 * 3_600 * SECOND_MS,
  /** Hosts to which images are brought at a time before servers need them. */
  imageHostsAtOnce: 4,
  /** How long the probe of KVM waits for its guest's word. */
  probeMs: 15 * SECOND_MS,
  /** A guest agent that does not answer is given up after the first time and left in peace for the second. */
  agentReplyMs: 5 * SECOND_MS,
  agentPauseMs: 60 * SECOND_MS,
  /** Connections by the SSH port of a server, how long its guest may take to answer one, and how often whoever is silent there is asked. */
  sshConnectionsPerServer: 16,
  sshDialMs: 15 * SECOND_MS,
  sshKeepAliveMs: 60 * SECOND_MS,
  /** How often what is listened is compared with who has which port. */
  sshPortsMs: 5 * SECOND_MS,
  /** What is read of a file of cloud-init's in a guest, and of the end of what it printed there. */
  cloudInitFileBytes: 64 * 1024,
  cloudInitLogBytes: 16 * 1024,
  /** What it said of vCPUs that nobody asks to change is good for this long: as long as a host's report is. */
  agentFreshMs: 10 * SECOND_MS,
  /**
   * How often the state of a guest is looked at while something is awaited (events come sooner): after this share of the time that
   * has passed, so that whatever takes short or long is noticed at most that much late, within these bounds.
   */
  guestPollShare: 1 / 16,
  guestPollLeastMs: 4,
  guestPollMs: 25,
  /** New vCPUs that a guest has not brought online by itself after this long are turned on through its agent. */
  hotplugSettleMs: 3 * SECOND_MS,
  /** Memory that missed its target comes to rest within this time. */
  memorySettleMs: 2 * SECOND_MS,
  /** What a guest must have available after memory is unplugged from it: so much, or this share of its memory if that is more. */
  guestReserveMb: 64,
  guestReserveShare: 1 / 32,
  /** A guest that tells of its memory at all does so again within this time. */
  guestStatsMs: 3 * SECOND_MS,
  /** Places of a server's ports that its creation gives away; ports that come later have higher ones. */
  portsAtCreation: 10_000,
  /** How long the caller of an attachment waits for its end, and how often it is looked for (doubling, at most). */
  attachMs: 120 * SECOND_MS,
  actionLookMs: 5,
  actionLookMaxMs: 200,
  /** Servers whose ports are read anew at once, when a client changed what many of them show. */
  portNewsAtOnce: 16,
  /** Times that a server's ports are read anew when others change its rows meanwhile. */
  refreshAttempts: 3,
  /** How long a guest may take to let go of a device, and after how long it is asked again. */
  unplugMs: 60 * SECOND_MS,
  unplugRetryMs: 10 * SECOND_MS,
  /** A guest that ignored the power button is asked again after this long (Nova's `_clean_shutdown`). */
  shutdownRetryMs: 10 * SECOND_MS,
  /** One policy rule, the nesting of rules with all that they refer to, and the whole policy file. */
  policyRuleChars: 16_384,
  policyDepth: 200,
  policyFileBytes: MIB,
  /** How often at most the policy file is looked at for a change. */
  policyCheckMs: 1 * SECOND_MS,
  /** One image's data (Glance's `image_size_cap`), and how much of its beginning is looked at to tell its format. */
  imageBytes: 1024 * 1024 * MIB,
  imageHeaderBytes: 128 * 1024,
  /** What a server may have of snapshots and of backups, and how many incrementals may follow a whole one, with it. */
  snapshotsOfServer: 32,
  backupsOfServer: 512,
  backupChain: 32,
  /** Work on files of snapshots and backups: how much at once, how long one holds it without a word, how often it is looked for. */
  copyJobsAtOnce: 4,
  copyJobLeaseMs: 60 * SECOND_MS,
  copyJobPollMs: 2 * SECOND_MS,
  copyJobRetryMs: 60 * SECOND_MS,
  /** How often their files are looked through for those that no row has. */
  copySweepMs: 3_600 * SECOND_MS,
  /** Schedules of backups that are begun in one turn, and how soon one that could not be begun is tried again. */
  dueSchedules: 50,
  scheduleRetryMs: 60 * SECOND_MS,
  /** Copying a guest's root disk. */
  snapshotMs: 1_800 * SECOND_MS,
  /** How long an agent may take to bring an image to the image service. */
  imageTransferMs: 3_600 * SECOND_MS,
  /** What is still read of an upload that is refused, so that its sender hears why. */
  imageRefusedBytes: 256 * MIB,
  /** Glance's quotas of one image. */
  imageProperties: 128,
  imageTags: 128,
  imageMembers: 128,
  /** What uploads leave free of the disk that images lie on, and after how many bytes of one it is looked at again. */
  imageDiskReserveBytes: 256 * MIB,
  imageDiskCheckBytes: 16 * MIB,
  /** How often image files are looked through for those that no image has. */
  imageSweepMs: 3_600 * SECOND_MS,
  /** Jobs on files of volumes that one process does at once, how long it holds one without a word, and how often it looks for more. */
  volumeJobsAtOnce: 2,
  volumeJobLeaseMs: 60 * SECOND_MS,
  volumeJobPollMs: 2 * SECOND_MS,
  /** How often a job is begun before it has failed, where the reason may pass, and how long it waits in between. */
  volumeJobAttempts: 5,
  volumeJobRetryMs: 10 * SECOND_MS,
  /** How long a process that ends waits for the jobs that it has begun, and then for them to let go. */
  volumeCloseMs: 2 * SECOND_MS,
  volumeLeaveMs: 2 * SECOND_MS,
  /** How long one call to an operator's volume service may take for which its storage has to do something. */
  volumeServiceMs: 120 * SECOND_MS,
  /** How long a new server waits for its volumes to be made, and how often it looks. */
  volumeMadeMs: 3_600 * SECOND_MS,
  volumeLookMs: 500,
  /** One volume, and what work on volumes leaves free of the disk that they lie on. */
  volumeGb: 16_384,
  volumeDiskReserveBytes: 256 * MIB,
  /** What a guest may tell of itself at once. */
  phoneHomeBytes: 16 * 1024,
  /** Cinder's bounds: pairs of metadata, and how long a message is kept. */
  volumeMetadata: 128,
  volumeMessageMs: 30 * 24 * 3_600 * SECOND_MS,
  /** What qemu-img may have of memory and of the processor, whatever an image makes it do. */
  qemuImgBytes: 2 * 1024 * MIB,
  qemuImgSeconds: 3_600,
  /** Names and values of all of an image's properties, and changes that one PATCH may make of it. */
  imagePropertiesChars: 65_536,
  /** Properties and tags of a page of images; a page that has more is shorter than asked for, and says which is next. */
  imagePageBytes: 2 * MIB,
  /** Those that are read at once, of how many images at once, and what one filter by them looks through. */
  imagePieceBytes: MIB / 2,
  imagePieceRows: 250,
  imageFilterBytes: 32 * MIB,
  imageChanges: 512,
  /** Images per page when no limit is given (Glance's `limit_param_default`). */
  imagePageSize: 25,
  /** Objects in one bulk creation, entries in one list of a network object (fixed_ips, allocation_pools, …). */
  networkBulk: 500,
  networkListEntries: 64,
  /** Ranges of one address group. */
  addressGroupRanges: 256,
  /** Ports of one floating address that lead somewhere. */
  portForwardings: 500,
  /** IPv4 addresses that one project's subnets have in all. */
  tenantAddresses: 65_536,
  /** The shortest prefix of a tenant's subnet, by IP version. */
  tenantPrefix: { 4: 16, 6: 48 },
  /** One message of an OVSDB server, and what is kept for one that does not read. */
  ovsdbMessageBytes: 256 * MIB,
  ovsdbCallsAtOnce: 256,
  ovsdbConnectMs: 10 * SECOND_MS,
  ovsdbCallMs: 60 * SECOND_MS,
  /** A server that says nothing for so long is asked for a sign of life; after twice as long it is given up. */
  ovsdbProbeMs: 10 * SECOND_MS,
  /** The pauses between attempts to reach one (doubling, at most). */
  ovsdbRetryMs: 100,
  ovsdbRetryMaxMs: 5 * SECOND_MS,
  /** Units of networks that OVN is told of at once, how often one that others change meanwhile is tried, and looked for what is to be told. */
  ovnUnitsAtOnce: 200,
  ovnAttempts: 8,
  ovnPollMs: 1 * SECOND_MS,
  /** How often everything is compared, and how long it is kept in mind that something is gone. */
  ovnCompareMs: 3_600 * SECOND_MS,
  ovnForgetMs: 86_400 * SECOND_MS,
  /** How soon everything is compared again because of hosts that come, go, or lead elsewhere. */
  ovnHostsMs: 10 * SECOND_MS,
  /** Chassis that carry what goes in and out of one router, one at a time: as many as Neutron takes. */
  ovnGatewaysOfRouter: 5,
  /** What a guest may ask of the metadata service in a minute, and what of it changes something. */
  metadataRequestsPerMinute: 600,
  metadataWritesPerMinute: 10,
  /** How long what a guest is told is kept, and of how many guests. */
  metadataCacheMs: 2 * SECOND_MS,
  metadataCacheEntries: 500,
  /** Connections of one network and of one guest, how long a request may take to come, and how long one is kept on which nothing moves. */
  metadataConnections: 512,
  metadataConnectionsPerGuest: 16,
  metadataRequestMs: 10 * SECOND_MS,
  metadataIdleMs: 15 * SECOND_MS,
  /** Bytes of the head of a request, and of its path. */
  metadataHeadBytes: 8 * 1024,
  /** What a guest may send at most, whatever it is: the longest of what it may be. */
  metadataBodyBytes: 16 * 1024,
  metadataPathChars: 1_024,
  /** How long a network without a guest on a host is kept there; how often is looked at what OVN says, at the host itself, and again after a failure. */
  metadataLingerMs: 60 * SECOND_MS,
  metadataPollMs: 5 * SECOND_MS,
  metadataCompareMs: 60 * SECOND_MS,
  metadataRetryMs: 2 * SECOND_MS,
  /** How many networks of a host are made ready at once, and how long it may take until a socket of one is open. */
  metadataNetworksAtOnce: 2,
  /** How old what an agent passes on may be, or how wrong its clock. */
  metadataRelayMs: 300 * SECOND_MS,
  /** An agent's connections to the API for what guests ask; more questions wait. */
  metadataRelayConnections: 16,
  metadataListenMs: 30 * SECOND_MS,
  /** Characters of a regular expression in a list filter. */
  patternCharacters: 255,
  /** Steps that it may have for each character of a text, and how long one statement may look with it in this process. */
  patternSteps: 400,
  patternMs: 200,
  /** How often is looked for notifications to send, and how many are sent before the broker has to confirm them. */
  notificationPollMs: 500,
  notificationBatch: 100,
  /** How long the broker may take with them before the connection is given up. */
  notificationSendMs: 30 * SECOND_MS,
  /** How long a process has the turn at sending a batch: longer than the broker may take with it. */
  notificationTurnMs: 45 * SECOND_MS,
  /** The text of the metrics is made at most so often, and a condition of readiness is waited for this long. */
  metricsTextMs: 1 * SECOND_MS,
  readinessAnswerMs: 5 * SECOND_MS,
  /** What metrics count in the database is at most this old. */
  metricsMs: 10 * SECOND_MS,
  /** Log lines are gathered up to this size or for this long before they are written. */
  logBufferBytes: 8 * 1024,
  logFlushMs: 100,
  /** Long work in this process's one thread lets others have their turn after this long. */
  sliceMs: 10,
  /** Snapshots of flavors, images and networks that are kept parsed. */
  parsedSnapshots: 2_000,
  /** Times one step of an action is begun before the action fails, and the pauses between them (doubling, at most). */
  stepAttempts: 6,
  stepPauseMs: 1 * SECOND_MS,
  stepPauseMaxMs: 30 * SECOND_MS,
  /** How long a request waits until a guest took its new password (Nova's `rpc_response_timeout`). */
  passwordMs: 60 * SECOND_MS,
  /** The largest number of a processor in a set of them, and the NUMA nodes of a guest (Nova's bound of both). */
  cpuNumber: 65_535,
  numaNodes: 128,
  /** Hosts on which one server is tried to be built (Nova's `scheduler.max_attempts`). */
  buildAttempts: 3,
  /** Actions that one worker runs at once, and how often it looks for work that nobody told it of. */
  actionsAtOnce: 64,
  workerPollMs: 2 * SECOND_MS,
  /** Servers of silent hosts whose evacuation one turn of a reconciler begins. */
  evacuationsAtOnce: 50,
  /** How often the reconcilers run. */
  reconcileMs: 30 * SECOND_MS,
  /** After how long a worker that took a reconciler's turn and did not end it is thought dead. */
  reconcileLeaseMs: 300 * SECOND_MS,
  /**
   * Placement is looked after so often, for so long at a time, and after so long a worker that does it is thought dead. Hosts that are
   * compared in one turn, and the pause after all were. What is refused is tried again after a while, which doubles up to the longest.
   * Reads anew after somebody else's change; providers of what is refused or removed in one turn; consumers that are noted at once. How
   * old the moment may be from which on changes are looked for.
   */
  placementMirrorMs: 10 * SECOND_MS,
  placementTurnMs: 60 * SECOND_MS,
  placementLeaseMs: 120 * SECOND_MS,
  placementComparedAtOnce: 4,
  placementRoundMs: 3_600 * SECOND_MS,
  placementRetryMs: 30 * SECOND_MS,
  placementRetryMaxMs: 600 * SECOND_MS,
  placementAttempts: 5,
  placementDueAtOnce: 20,
  placementConsumersAtOnce: 50,
  placementSinceMs: 60 * SECOND_MS,
  /** Hosts whose claims are compared with their sums in one turn. */
  claimedHostsAtOnce: 100,
  /**
   * Removing old rows: servers of the first transaction and of the largest one, and how long one shall take; after each the others
   * have at least as long for theirs. How long a reconciler is at it in one turn, and how often it looks again once nothing is left.
   */
  purgeAtOnce: { first: 20, most: 500 },
  purgeBatchMs: 20,
  purgeTurnMs: 2 * SECOND_MS,
  purgeLeaseMs: 60 * SECOND_MS,
  purgeEveryMs: 3_600 * SECOND_MS,
  /** How long the command waits for readers until SQLite's log can be emptied. */
  emptyLogMs: 10 * SECOND_MS,
  emptyLogEveryMs: 250,
  /** Text kept of a failure in an action's events and in a server's fault. */
  faultMessageChars: 255,
  faultDetailChars: 16_384,
} as const;
