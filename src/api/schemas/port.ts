/** A port as HTTP shows it, takes it (POST) and changes it (PATCH). */
import { z } from '@hono/zod-openapi';
import { OFFLOAD_NAMES, PORT_KINDS, PORT_MODES } from '../../control/model.ts';
import { MTU_DEFAULT, MTU_MAX, MTU_MIN, NETDEV_NAME_BYTES_MAX, VID_MAX } from '../../limits.ts';
import { DROP_SENTENCES } from '../../control/drop-sentences.ts';
import { count, flag, integer, list, oneOf, portName, strictObject, text, vid } from './common.ts';

const NETNS_CHARACTERS_MAX = 4095;
const ADDRESSES_MAX = 64;
const ADDRESS_CHARACTERS_MAX = 64;

const netdevName = text('a netdev name', NETDEV_NAME_BYTES_MAX);
const address = text('an IP address with prefix length, like 10.0.0.1/24', ADDRESS_CHARACTERS_MAX);
const mac = text('a MAC address, like 02:00:00:00:00:01', ADDRESS_CHARACTERS_MAX);

const identityFields = {
  netdev: netdevName.nullable().openapi({
    description:
      "The switch's own end. `packet`: the netdev to attach to, required. `veth`: made and named by tswitch, not to be given. `tap`: null once moved.",
    example: 'tsw-red',
  }),
  netns: text('a namespace', NETNS_CHARACTERS_MAX).nullable().openapi({
    description:
      "The network namespace of the far end: a name under /run/netns, the path of a namespace file, a pid, or `host` (the daemon's own). Required for `veth` and `tap`, null for `packet`.",
    example: 'red',
  }),
  ifname: netdevName.nullable().openapi({
    description: `Name of the far end inside \`netns\`, 1 to ${NETDEV_NAME_BYTES_MAX} bytes; eth0 by default.`,
    example: 'eth0',
  }),
  addresses: list(address, ADDRESSES_MAX).openapi({
    description: `IP addresses of the far end with prefix length, ${ADDRESSES_MAX} at most; none by default.`,
    example: ['10.0.0.1/24'],
  }),
  mac: mac.nullable().openapi({
    description:
      'MAC address of the far end, unicast, lower case; of the netdev itself for `packet`. Chosen at random if not given.',
    example: '02:00:00:00:00:01',
  }),
};

const settingsFields = {
  mode: oneOf(PORT_MODES).openapi({
    description:
      '`access` (default): one VLAN, untagged. `trunk`: the VIDs in `trunks`, tagged; untagged arrivals are dropped. `native-tagged` and `native-untagged`: a trunk whose untagged arrivals go to `vlan`, and which sends that VLAN tagged or untagged.',
  }),
  vlan: vid.nullable().openapi({
    description: `The access or native VLAN, 1 to ${VID_MAX}; 1 by default. Null in mode \`trunk\`.`,
    example: 10,
  }),
  trunks: list(vid, VID_MAX).openapi({
    description: 'VIDs that a trunk carries, ascending, each once; empty: all. Empty in mode `access`.',
    example: [10, 20],
  }),
  mtu: integer(MTU_MIN, MTU_MAX).openapi({
    description: `Largest payload in bytes (without Ethernet header and tags) sent out of this port, ${MTU_MIN} to ${MTU_MAX}; ${MTU_DEFAULT} by default, the netdev's own for \`packet\`. Longer frames are dropped (OVER_MTU).`,
    example: 1500,
  }),
  learning: flag().openapi({
    description: 'Whether source addresses of arriving frames are learned; true by default.',
  }),
  floodUnknown: flag().openapi({
    description: 'Whether frames to unknown unicast addresses are flooded out of this port; true by default.',
  }),
  floodMulticast: flag().openapi({ description: 'Whether multicast is flooded out of this port; true by default.' }),
  floodBroadcast: flag().openapi({ description: 'Whether broadcast is flooded out of this port; true by default.' }),
  isolated: flag().openapi({
    description: 'Isolated ports reach only ports that are not isolated; false by default.',
  }),
  admin: oneOf(['up', 'down']).openapi({ description: 'Whether the port is meant to work; `up` by default.' }),
  offloads: list(oneOf(OFFLOAD_NAMES), OFFLOAD_NAMES.length).openapi({
    description:
      "What the port's other side takes unfinished: checksums (`csum`) and super-frames of TCP over IPv4, IPv6 and of UDP (`tso4`, `tso6`, `uso`; they need `csum`). The rest tswitch finishes itself. By default all that the kind and the kernel can carry.",
    example: ['csum', 'tso4', 'tso6'],
  }),
};

const dropsText = Object.entries(DROP_SENTENCES)
  .map(([reason, sentence]) => `\`${reason}\`: ${sentence}`)
  .join('. ');

export const dropCounts = z.record(z.string(), z.int().min(0)).openapi({
  description: `Dropped frames by reason; reasons that never happened are left out. ${dropsText}.`,
  example: { NOT_A_MEMBER: 3 },
});

export const portStats = z
  .object({
    rx: z.object({
      frames: count('Frames taken from the netdev; a super-frame is one.'),
      bytes: count('Bytes of these frames, Ethernet header included.'),
      superFrames: count('How many of these frames were super-frames.'),
      drops: count('Frames lost before they were taken (the receive ring was full); not part of `frames`.'),
    }),
    tx: z.object({
      frames: count('Frames sent; a super-frame is one.'),
      bytes: count('Bytes of these frames, Ethernet header included.'),
      superFrames: count('How many of these frames left as super-frames.'),
      segments: count('Wire frames that tswitch made by segmenting super-frames.'),
      drops: count('Copies that were to leave by this port and were dropped.'),
    }),
    drops: dropCounts,
  })
  .openapi('PortStats');

export const portView = z
  .object({
    name: portName,
    kind: oneOf(PORT_KINDS).openapi({
      description:
        '`veth`: a pair that tswitch makes. `tap`: a TAP that tswitch holds open and moves. `packet`: an existing netdev, through an AF_PACKET ring. `memory`: frames in memory, for tests and sandboxes.',
    }),
    ...identityFields,
    ...settingsFields,
    cvlans: z.array(z.int()).openapi({ description: 'Not used by the modes there are yet: always empty.' }),
    tpid: z.enum(['0x88a8', '0x8100']).openapi({ description: 'Not used by the modes there are yet.' }),
    priorityTags: z.literal('never').openapi({ description: 'Untagged frames leave without priority tags.' }),
    fdbLimit: z.null().openapi({ description: 'A limit of learned addresses for this port: none yet.' }),
    state: z.enum(['up', 'down', 'lost']).openapi({
      description: '`up`; `down`: no carrier or admin down; `lost`: the netdev or namespace vanished.',
    }),
    stats: portStats,
  })
  .openapi('Port');

/** `memory` is among the kinds so that the switch can say why it refuses it. */
export const portRequest = strictObject(
  {
    name: portName,
    kind: oneOf(PORT_KINDS).openapi({ description: '`veth`, `tap` or `packet`; `memory` is refused over HTTP.' }),
    ...optional(identityFields),
    ...optional(settingsFields),
    createNetns: flag()
      .optional()
      .openapi({ description: 'Make the namespace (given by name) if it does not exist; false by default.' }),
    gateway: text('an IP address', ADDRESS_CHARACTERS_MAX).optional().openapi({
      description: 'Default route of the far end: an address in the subnet of one of `addresses`.',
      example: '10.0.0.254',
    }),
  },
  unsettable('is only shown', ['state', 'stats', 'cvlans', 'tpid', 'priorityTags', 'fdbLimit']),
).openapi('PortRequest');

export const portPatch = strictObject(optional(settingsFields), {
  ...unsettable('is fixed: remove the port and add it anew', ['name', 'kind', ...Object.keys(identityFields)]),
  ...unsettable('is only shown', ['state', 'stats', 'cvlans', 'tpid', 'priorityTags', 'fdbLimit']),
}).openapi('PortPatch');

type Optional<Shape extends z.ZodRawShape> = { [Key in keyof Shape]: z.ZodOptional<Shape[Key]> };

function optional<Shape extends z.ZodRawShape>(shape: Shape): Optional<Shape> {
  return Object.fromEntries(Object.entries(shape).map(([key, schema]) => [key, z.optional(schema)])) as Optional<Shape>;
}

function unsettable(why: string, fields: string[]): Record<string, string> {
  return Object.fromEntries(fields.map((field) => [field, why]));
}
