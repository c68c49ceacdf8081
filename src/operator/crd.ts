// Why: the API server itself refuses what can never be right, shows columns, and keeps fields that nobody described out. The manifest of
// config/crd/bases is made from this.

import { GROUP, KIND, PLURAL, VERSION } from './types.ts';

const text = (maxLength: number, more: object = {}) => ({ type: 'string', minLength: 1, maxLength, ...more });

const quantity = (description: string) => ({
  'x-kubernetes-int-or-string': true,
  anyOf: [{ type: 'integer' }, { type: 'string' }],
  minimum: 0,
  pattern: String.raw`^\d{1,12}(\.\d{1,3})?([EPTGMk]i?|Ki)?$`,
  description,
});

const vcpus = (description: string) => ({
  'x-kubernetes-int-or-string': true,
  anyOf: [{ type: 'integer' }, { type: 'string' }],
  minimum: 1,
  pattern: String.raw`^[1-9]\d{0,3}$`,
  description,
});

const object = (properties: object, required: readonly string[] = [], more: object = {}) => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
  ...more,
});

const list = (items: object, maxItems: number) => ({ type: 'array', items, maxItems });

const bounds = (what: string) => object({ cpu: vcpus(`vCPUs ${what}`), memory: quantity(`Memory ${what}`) });

const hook = object(
  {
    url: text(2_048, { pattern: '^https?://', description: 'Is sent the machine as JSON by POST; 2xx lets it go on.' }),
    timeoutSeconds: { type: 'integer', minimum: 1, maximum: 300, default: 10 },
    failurePolicy: { type: 'string', enum: ['Fail', 'Ignore'], default: 'Fail' },
  },
  ['url'],
);

const expression = object(
  {
    key: text(255),
    operator: { type: 'string', enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] },
    values: list(text(255), 32),
  },
  ['key', 'operator'],
);

const network = object(
  {
    name: text(255, { description: "A network's name or id; default: the project's own." }),
    type: { type: 'string', enum: ['bridge', 'sr-iov'], default: 'bridge' },
    ipv4: object(
      {
        method: { type: 'string', enum: ['dhcp', 'static'], default: 'dhcp' },
        address: text(18, { description: 'With its prefix: 10.0.1.10/24.' }),
        gateway: text(15),
      },
      [],
      {
        'x-kubernetes-validations': [
          { rule: "self.method != 'static' || has(self.address)", message: 'a static address must be given' },
        ],
      },
    ),
  },
  ['name'],
);

const machine = object(
  {
    resources: object(
      {
        cpu: vcpus('vCPUs that it shall have: changed between floor and ceiling while it runs.'),
        memory: quantity('Memory that it shall have: changed between floor and ceiling while it runs.'),
        disk: quantity('Its root disk.'),
        floor: bounds('that it is guaranteed.'),
        ceiling: bounds('that it may grow to while it runs.'),
      },
      ['cpu', 'memory', 'disk'],
    ),
    image: object({ source: text(512, { description: 'marketplace://NAME, image://NAME-OR-ID.' }) }, ['source']),
    flavor: text(255, { description: 'A flavor by name or id, instead of one that is made for the size.' }),
    networks: list(network, 16),
    userData: { type: 'string', maxLength: 65_535 },
    userDataSecretRef: object({ name: text(253), key: text(253, { default: 'userData' }) }, ['name']),
    keyName: text(255),
    devices: list(
      object(
        {
          type: text(32),
          vendor: text(64),
          model: text(64),
          count: { type: 'integer', minimum: 1, maximum: 64, default: 1 },
        },
        ['type'],
      ),
      16,
    ),
    nodeSelector: { type: 'object', maxProperties: 32, additionalProperties: { type: 'string', maxLength: 255 } },
    affinity: object({
      nodeAffinity: object({
        requiredDuringSchedulingIgnoredDuringExecution: object(
          { nodeSelectorTerms: list(object({ matchExpressions: list(expression, 32) }), 16) },
          ['nodeSelectorTerms'],
        ),
      }),
    }),
    hooks: object({ preStart: hook, preStop: hook }),
  },
  ['resources', 'image'],
  {
    'x-kubernetes-validations': [
      { rule: '!(has(self.userData) && has(self.userDataSecretRef))', message: 'user data is given once' },
      { rule: 'self.image == oldSelf.image', message: 'the image of a machine cannot be changed' },
      {
        rule: 'string(self.resources.disk) == string(oldSelf.resources.disk)',
        message: 'the disk of a machine cannot be changed',
      },
    ],
  },
);

const size = object({ cpu: { type: 'integer' }, memory: { type: 'string' } });

const status = object({
  phase: {
    type: 'string',
    enum: ['Pending', 'Provisioning', 'Running', 'Stopped', 'Migrating', 'Failed', 'Terminating'],
  },
  observedGeneration: { type: 'integer', format: 'int64' },
  serverID: { type: 'string' },
  node: { type: 'string' },
  addresses: { type: 'array', items: { type: 'string' } },
  resources: object({ requested: size, claimed: size, confirmed: size, floor: size, ceiling: size }),
  snapshots: object({ last: { type: 'string' }, next: { type: 'string' }, count: { type: 'integer' } }),
  conditions: {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
    items: object(
      {
        type: { type: 'string' },
        status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
        reason: { type: 'string' },
        message: { type: 'string' },
        lastTransitionTime: { type: 'string', format: 'date-time' },
        observedGeneration: { type: 'integer', format: 'int64' },
      },
      ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
    ),
  },
});

const spec = object(
  {
    running: { type: 'boolean', default: true },
    provider: { type: 'string', enum: ['kvm', 'vmware', 'aws', 'azure'], default: 'kvm' },
    template: object({ spec: machine }, ['spec']),
    migrationPolicy: object({
      allowLiveMigration: { type: 'boolean' },
      compression: { type: 'boolean' },
      encrypted: { type: 'boolean' },
      bandwidth: text(32),
    }),
    snapshotPolicy: object(
      {
        schedule: text(128, { description: 'A cron expression of five fields.' }),
        retention: { type: 'integer', minimum: 1, maximum: 100, default: 7 },
        timeZone: text(64, { default: 'UTC' }),
      },
      ['schedule'],
    ),
  },
  ['template'],
);

const column = (name: string, type: string, jsonPath: string, priority = 0) => ({ name, type, jsonPath, priority });

export const customResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${PLURAL}.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { kind: KIND, listKind: `${KIND}List`, plural: PLURAL, singular: 'virtualmachine', shortNames: ['vm'] },
    versions: [
      {
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          column('Phase', 'string', '.status.phase'),
          column('Running', 'boolean', '.spec.running'),
          column('vCPUs', 'integer', '.status.resources.confirmed.cpu'),
          column('Memory', 'string', '.status.resources.confirmed.memory'),
          column('Address', 'string', '.status.addresses[0]'),
          column('Node', 'string', '.status.node', 1),
          column('Server', 'string', '.status.serverID', 1),
          column('Adjusted', 'string', ".status.conditions[?(@.type=='Adjusted')].reason", 1),
          column('Age', 'date', '.metadata.creationTimestamp'),
        ],
        schema: { openAPIV3Schema: object({ spec, status }, ['spec']) },
      },
    ],
  },
};
