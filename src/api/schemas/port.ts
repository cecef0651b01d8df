/** A port as HTTP shows it, takes it (POST) and changes it (PATCH). */
import { z } from '@hono/zod-openapi';
import { DROP_SENTENCES } from '../../control/drop-sentences.ts';
import { OFFLOAD_NAMES, PORT_KINDS, PORT_MODES, PRIORITY_TAGS, TPIDS, XDP_MODES } from '../../control/model.ts';
import {
  BROADCAST_LIMIT_DEFAULT,
  FDB_LIMIT_MAX,
  MTU_DEFAULT,
  MTU_MAX,
  MTU_MIN,
  MULTICAST_LIMIT_DEFAULT,
  NETDEV_NAME_BYTES_MAX,
  STORM_LIMIT_MAX,
  UNKNOWN_LIMIT_DEFAULT,
  VID_MAX,
} from '../../limits.ts';
import { mirrorRequest, mirrorView } from './capture.ts';
import {
  count,
  flag,
  integer,
  limit,
  list,
  moment,
  oneOf,
  optional,
  portName,
  strictObject,
  text,
  vid,
} from './common.ts';
import { switchEvent } from './event.ts';
import { rateLimitFields } from './rate-limits.ts';

const NETNS_CHARACTERS_MAX = 4095;
const ADDRESSES_MAX = 64;
const ADDRESS_CHARACTERS_MAX = 64;

const SHOWN_FIELDS = ['state', 'xdpMode', 'queues', 'blocked', 'protection', 'stats'];

const netdevName = text('a netdev name', NETDEV_NAME_BYTES_MAX);
const address = text('an IP address with prefix length, like 10.0.0.1/24', ADDRESS_CHARACTERS_MAX);
const mac = text('a MAC address, like 02:00:00:00:00:01', ADDRESS_CHARACTERS_MAX);

const identityFields = {
  netdev: netdevName.nullable().openapi({
    description:
      "The switch's own end. `packet`: the netdev to attach to, required. `xdp`: the netdev to attach to, or, with `netns` instead, like `veth`. `veth`: made and named by tswitch, not to be given. `tap`: null once moved.",
    example: 'tsw-red',
  }),
  netns: text('a namespace', NETNS_CHARACTERS_MAX).nullable().openapi({
    description:
      "The network namespace of the far end: a name under /run/netns, the path of a namespace file, a pid, or `host` (the daemon's own). Required for `veth` and `tap`, and for `xdp` without `netdev`; null for netdevs that exist already.",
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
      'MAC address of the far end, unicast, lower case; of a netdev that exists already, its own. Chosen at random if not given.',
    example: '02:00:00:00:00:01',
  }),
};

const settingsFields = {
  mode: oneOf(PORT_MODES).openapi({
    description:
      '`access` (default): one VLAN, untagged. `trunk`: the VIDs in `trunks`, tagged; untagged arrivals are dropped. `native-tagged` and `native-untagged`: a trunk whose untagged arrivals go to `vlan`, and which sends that VLAN tagged or untagged. `dot1q-tunnel`: whatever arrives goes to `vlan` with its own tags kept inside; trunks get it with an outer tag. `transparent`: a wire between the transparent ports of one `vlan`; towards other modes like `dot1q-tunnel`.',
  }),
  vlan: vid.nullable().openapi({
    description: `The access, native or service VLAN, 1 to ${VID_MAX}; 1 by default. Null in mode \`trunk\`.`,
    example: 10,
  }),
  trunks: list(vid, VID_MAX).openapi({
    description: 'VIDs that a trunk carries, ascending, each once; empty: all. Empty in all modes that are no trunk.',
    example: [10, 20],
  }),
  cvlans: list(vid, VID_MAX).openapi({
    description:
      'Mode `dot1q-tunnel`: the only inner VIDs that may enter or leave, ascending, each once; empty (default): all, and frames without a tag of their own. Empty in all other modes.',
    example: [100, 200],
  }),
  tpid: oneOf(TPIDS).openapi({
    description:
      'TPID of the outer tag that frames of a `dot1q-tunnel` or `transparent` port get towards trunks; 0x88a8 by default.',
  }),
  priorityTags: oneOf(PRIORITY_TAGS).openapi({
    description:
      'Whether frames that leave without a tag get a priority tag (VID 0): `never` (default), `if-nonzero` (if their priority, PCP, is not 0) or `always`.',
  }),
  mtu: integer(MTU_MIN, MTU_MAX).openapi({
    description: `Largest payload in bytes (without Ethernet header and tags) sent out of this port, ${MTU_MIN} to ${MTU_MAX}; ${MTU_DEFAULT} by default, the netdev's own if that exists already. Longer frames are dropped (OVER_MTU).`,
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
  fdbLimit: limit(FDB_LIMIT_MAX).openapi({
    description: `Addresses learned on this port at most, 1 to ${FDB_LIMIT_MAX}; null (default): as many as the switch holds. Beyond it new sources are not learned; their frames still pass.`,
    example: 1000,
  }),
  broadcastLimit: stormLimit('Broadcast frames', BROADCAST_LIMIT_DEFAULT),
  multicastLimit: stormLimit('Multicast frames', MULTICAST_LIMIT_DEFAULT),
  unknownLimit: stormLimit('Frames to unknown unicast addresses', UNKNOWN_LIMIT_DEFAULT),
  ...rateLimitFields,
  admin: oneOf(['up', 'down']).openapi({ description: 'Whether the port is meant to work; `up` by default.' }),
  offloads: list(oneOf(OFFLOAD_NAMES), OFFLOAD_NAMES.length).openapi({
    description:
      "What the port's other side takes unfinished: checksums (`csum`) and super-frames of TCP over IPv4, IPv6 and of UDP (`tso4`, `tso6`, `uso`; they need `csum`). The rest tswitch finishes itself. By default all that the kind and the kernel can carry; `xdp` carries none.",
    example: ['csum', 'tso4', 'tso6'],
  }),
  mirror: mirrorRequest.nullable().openapi({
    description:
      'Copies of what enters or leaves the port, to another port or into a file; null (default): none. Given as a whole: what is left out of it has its default.',
  }),
};

function stormLimit(what: string, byDefault: number) {
  return limit(STORM_LIMIT_MAX).openapi({
    description: `${what} per second that may enter by this port to be flooded, 1 to ${STORM_LIMIT_MAX}; ${byDefault} by default, null: no limit. The rest is dropped.`,
    example: byDefault,
  });
}

const loopBlock = z
  .object({
    peer: portName.openapi({ description: 'The port that the probe was sent out of.' }),
    since: moment,
    until: moment.openapi({ description: 'When the port is tried again.' }),
  })
  .openapi('LoopBlock');

const dropsText = Object.entries(DROP_SENTENCES)
  .map(([reason, sentence]) => `\`${reason}\`: ${sentence}`)
  .join('. ');

export const dropCounts = z.record(z.string(), z.int().min(0)).openapi({
  description: `Dropped frames by reason; reasons that never happened are left out. ${dropsText}.`,
  example: { NOT_A_MEMBER: 3 },
});

export const portStats = z
  .object({
    rx: z
      .object({
        frames: count('Frames taken from the netdev; a super-frame is one.'),
        bytes: count('Bytes of these frames, Ethernet header included.'),
        superFrames: count('How many of these frames were super-frames.'),
        drops: count('Frames lost before they were taken (the receive ring was full); not part of `frames`.'),
      })
      .openapi({ description: 'What entered by the port.' }),
    tx: z
      .object({
        frames: count('Frames sent; a super-frame is one.'),
        bytes: count('Bytes of these frames, Ethernet header included.'),
        superFrames: count('How many of these frames left as super-frames.'),
        segments: count('Wire frames that tswitch made by segmenting super-frames.'),
        drops: count('Copies that were to leave by this port and were dropped.'),
      })
      .openapi({ description: 'What left by the port.' }),
    mirrored: z
      .object({
        frames: count('Copies sent; a super-frame is one.'),
        bytes: count('Bytes of these copies, Ethernet header included.'),
        drops: count('Copies that were to be sent and were dropped: the port was down, full, or its MTU too small.'),
      })
      .openapi({
        description:
          'Mirrored copies for which this is the port. They are none of the frames in `tx`, nor of any total.',
      }),
    drops: dropCounts,
  })
  .openapi('PortStats');

export const portView = z
  .object({
    name: portName,
    kind: oneOf(PORT_KINDS).openapi({
      description:
        '`veth`: a pair that tswitch makes. `tap`: a TAP that tswitch holds open and moves. `packet`: an existing netdev, through an AF_PACKET ring. `xdp`: a pair that tswitch makes or an existing netdev, through AF_XDP. `memory`: frames in memory, for tests and sandboxes.',
    }),
    ...identityFields,
    ...settingsFields,
    mirror: mirrorView.nullable().openapi({
      description: 'Copies of what enters or leaves the port, to another port or into a file; null: none.',
    }),
    state: z.enum(['up', 'down', 'lost']).openapi({
      description: '`up`; `down`: no carrier or admin down; `lost`: the netdev or namespace vanished.',
    }),
    xdpMode: z.enum(XDP_MODES).nullable().openapi({
      description:
        "Kind `xdp`: where its XDP program runs: `native`, in the netdev's driver, or `generic`, behind it, where the driver cannot. Null for other kinds, and while the port is lost.",
      example: null,
    }),
    queues: z.int().min(1).nullable().openapi({
      description: "Kind `xdp`: the netdev's receive queues, all of which are served. Null as `xdpMode`.",
      example: null,
    }),
    blocked: loopBlock.nullable().openapi({
      description:
        'Set while the port is cut off by loop protection: a probe sent out of `peer` came back in by this port, so the two are connected outside the switch. Null: not blocked.',
    }),
    protection: z.array(switchEvent).openapi({
      description: 'What loop protection did at this port lately, newest last: the events with their evidence.',
    }),
    stats: portStats,
  })
  .openapi('Port');

/** `memory` is among the kinds so that the switch can say why it refuses it. */
export const portRequest = strictObject(
  {
    name: portName,
    kind: oneOf(PORT_KINDS).openapi({
      description: '`veth`, `tap`, `packet` or `xdp`; `memory` is refused over HTTP.',
    }),
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
  unsettable('is only shown', SHOWN_FIELDS),
).openapi('PortRequest');

export const portPatch = strictObject(optional(settingsFields), {
  ...unsettable('is fixed: remove the port and add it anew', ['name', 'kind', ...Object.keys(identityFields)]),
  ...unsettable('is only shown', SHOWN_FIELDS),
}).openapi('PortPatch');

function unsettable(why: string, fields: string[]): Record<string, string> {
  return Object.fromEntries(fields.map((field) => [field, why]));
}
