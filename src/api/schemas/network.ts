/** Networks and their members as HTTP shows and takes them. */
import { z } from '@hono/zod-openapi';
import { HOST_LABEL, MTU_MAX, MTU_MIN, NETDEV_NAME_BYTES_MAX, NETWORK_NAME } from '../../limits.ts';
import { NETWORK_DRIVERS, PROTOCOLS } from '../../networks/model.ts';
import { flag, integer, list, moment, oneOf, optional, portName, strictObject, text, vid } from './common.ts';
import { rateLimitFields } from './rate-limits.ts';

const ADDRESS_CHARACTERS_MAX = 64;
const NETNS_CHARACTERS_MAX = 4095;
const SUBNETS_MAX = 16;
const NAMES_MAX = 64;
const PORT_MAX = 65_535;
/** Of one publication: each port of it is a rule. */
const PUBLISHED_COUNT_MAX = 1024;

export const address = text('an IP address', ADDRESS_CHARACTERS_MAX);
export const interfaceAddress = text('an address with its prefix length', ADDRESS_CHARACTERS_MAX);
const cidr = text('a subnet, like 10.1.0.0/24', ADDRESS_CHARACTERS_MAX);
const id = z.string().openapi({ description: '64 hex digits.', example: '3f0d9a' });

export const networkName = z
  .string({ error: 'must be the name of a network' })
  .regex(NETWORK_NAME, 'must be the name of a network: 1 to 63 of A-Z a-z 0-9 . _ -, the first a letter or digit')
  .openapi({ description: 'Name of the network, unique in the switch.', example: 'web' });

const hostLabel = z
  .string({ error: 'must be a host name' })
  .regex(HOST_LABEL, 'must be a host name: 1 to 63 of letters, digits and -, none of these at the ends');

/** Names, and what they stand for: labels, reservations. */
const texts = (what: string) =>
  z
    .record(z.string().min(1).max(255), text(what, 1024), { error: 'must be an object of texts' })
    .refine((value) => Object.keys(value).length <= NAMES_MAX, `must have ${NAMES_MAX} entries at most`);

const gateway = address.openapi({
  description: "The host's address in the subnet; the first one by default.",
  example: '10.1.0.1',
});
const ipRange = cidr.nullable().openapi({
  description: 'The part of the subnet from which addresses are chosen; null (default): all of it.',
  example: '10.1.0.128/25',
});
const auxAddresses = texts('an IP address').openapi({
  description: 'Addresses that are never chosen for members, by the names of whoever has them.',
  example: { router: '10.1.0.254' },
});

const subnet = z
  .object({
    subnet: cidr.openapi({ description: 'In CIDR notation.', example: '10.1.0.0/24' }),
    gateway,
    ipRange,
    auxAddresses,
  })
  .openapi('Subnet');

const subnetRequest = strictObject({
  subnet: cidr.openapi({
    description: "In CIDR notation, IPv4 or IPv6; overlaps no other network's and no route of the host.",
    example: '10.1.0.0/24',
  }),
  gateway: gateway.optional(),
  ipRange: ipRange.optional(),
  auxAddresses: auxAddresses.optional(),
}).openapi('SubnetRequest');

const settings = {
  internal: flag().openapi({
    description: 'No way out and none in: no default route, no forwarding, no published ports. False by default.',
  }),
  isolated: flag().openapi({
    description: 'Members reach the gateway, but not each other. False by default.',
  }),
  mtu: integer(MTU_MIN, MTU_MAX).openapi({
    description: `Of the members' interfaces, in bytes, ${MTU_MIN} to ${MTU_MAX}, with IPv6 from 1280; 1500 by default.`,
    example: 1500,
  }),
  dns: flag().openapi({ description: 'Whether the gateway answers the names of members. True by default.' }),
  labels: texts('a text').openapi({
    description: 'For whoever made it; tswitch does not read them.',
    example: { team: 'web' },
  }),
};

export const networkRequest = strictObject({
  name: networkName,
  driver: oneOf(NETWORK_DRIVERS).optional().openapi({
    description: '`bridge` (default). `host` and `none` exist once each and cannot be made.',
  }),
  subnets: list(subnetRequest, SUBNETS_MAX)
    .optional()
    .openapi({
      description: `Pools of addresses, ${SUBNETS_MAX} at most, of either family. None: one of IPv4 is allotted.`,
    }),
  ipv6: flag().optional().openapi({
    description: 'Allot a subnet of IPv6 too (unique local, /64), unless one is given. False by default.',
  }),
  vlan: vid.optional().openapi({
    description: 'The VLAN of the switch that the network is; by default the highest that is not in use.',
  }),
  internal: settings.internal.optional(),
  isolated: settings.isolated.optional(),
  mtu: settings.mtu.optional(),
  dns: settings.dns.optional(),
  labels: settings.labels.optional(),
}).openapi('NetworkRequest');

const link = strictObject({
  container: hostLabel.openapi({ description: 'Name of another member of the network.', example: 'db' }),
  alias: hostLabel.openapi({ description: 'The name by which this member alone knows it.', example: 'database' }),
}).openapi('Link');

const published = strictObject({
  protocol: oneOf(PROTOCOLS).openapi({ description: '`tcp` or `udp`.' }),
  hostIp: address.nullable().openapi({
    description: 'The address of the host; null: all of them.',
    example: null,
  }),
  hostPort: integer(1, PORT_MAX).openapi({ description: 'The (first) port of the host.', example: 8080 }),
  containerPort: integer(1, PORT_MAX).openapi({ description: 'The (first) port of the member.', example: 80 }),
  count: integer(1, PUBLISHED_COUNT_MAX).openapi({ description: 'How many ports from these on.', example: 1 }),
}).openapi('Published');

export const netns = text('a namespace', NETNS_CHARACTERS_MAX);
export const ifname = text('a netdev name', NETDEV_NAME_BYTES_MAX);
export const mac = text('a MAC address, like 02:00:00:00:00:01', ADDRESS_CHARACTERS_MAX);
const aliases = list(hostLabel, NAMES_MAX).openapi({
  description: 'Further names of the member in this network; several members may share one.',
  example: ['web'],
});
const links = list(link, NAMES_MAX).openapi({ description: 'Names by which this member alone knows others.' });
const publications = list(published, NAMES_MAX).openapi({ description: 'Ports of the host that lead to the member.' });

export const connectRequest = strictObject({
  container: netns.openapi({
    description: 'The network namespace: a name under /run/netns, the path of a namespace file, or a pid.',
    example: 'red',
  }),
  name: hostLabel.optional().openapi({
    description: 'What the container is called; by default like its namespace. Required for a path or a pid.',
    example: 'red',
  }),
  addresses: list(address, SUBNETS_MAX)
    .optional()
    .openapi({
      description: 'One address of each subnet at most; of the others the next free one is taken.',
      example: ['10.1.0.7'],
    }),
  mac: mac
    .optional()
    .openapi({ description: 'MAC address, unicast; random by default.', example: '02:00:00:00:00:01' }),
  ifname: ifname.optional().openapi({
    description:
      'Name of the interface inside the namespace; eth0 by default, or the next number that no other network has.',
    example: 'eth0',
  }),
  aliases: aliases.optional(),
  links: links.optional(),
  publish: publications.optional(),
  ...optional(rateLimitFields),
}).openapi('ConnectRequest');

export const disconnectRequest = strictObject({
  container: netns.openapi({ description: "The member's name, or its namespace.", example: 'red' }),
}).openapi('DisconnectRequest');

export const endpointView = z
  .object({
    id,
    name: hostLabel.openapi({ description: 'What the container is called.', example: 'red' }),
    netns: netns.openapi({ description: 'Its network namespace.', example: 'red' }),
    ifname: ifname.openapi({ description: 'The interface there.', example: 'eth0' }),
    mac: mac.openapi({ description: 'MAC address of the interface.', example: '02:00:00:00:00:01' }),
    addresses: z.array(z.string()).openapi({ description: 'With prefix length.', example: ['10.1.0.2/24'] }),
    aliases,
    links,
    published: publications,
    ...rateLimitFields,
    isDefaultRoute: z.boolean().openapi({ description: "Whether the container's default route goes by this network." }),
    port: portName.openapi({ description: 'The port of the switch.', example: 'web:red' }),
    state: z.enum(['up', 'down', 'lost']).openapi({
      description: 'Of the port. `lost`: the namespace or interface vanished; the member comes back with it.',
    }),
  })
  .openapi('Endpoint');

const gatewayView = z
  .object({
    port: portName.openapi({ description: 'The port of the switch.', example: 'web.gateway' }),
    ifname: ifname.openapi({ description: 'The interface in the host.', example: 'tsg-3f0d9a12' }),
    mac: mac.openapi({ description: 'MAC address of that interface.', example: '02:00:00:00:00:01' }),
    nftTable: z.string().nullable().openapi({
      description: "The table of nftables (family inet) with the network's rules; null: none.",
      example: 'tswitch_3f0d9a12',
    }),
  })
  .openapi('Gateway');

const sysctl = z
  .object({
    name: z.string().openapi({ description: 'As sysctl(8) names it.', example: 'net.ipv4.ip_forward' }),
    before: z.string().openapi({ description: 'What it was, and will be again.', example: '0' }),
    now: z.string().openapi({ description: 'What tswitch made it.', example: '1' }),
  })
  .openapi('SysctlChange');

export const networkView = z
  .object({
    id,
    name: networkName,
    created: moment,
    scope: z.literal('local').openapi({ description: 'Known on this host only.' }),
    owner: z.enum(['tswitch', 'docker']).openapi({
      description: 'Who made it and has its members: `docker`, behind whose networks tswitch is the driver.',
      example: 'tswitch',
    }),
    driver: z.enum(NETWORK_DRIVERS).openapi({
      description:
        "`bridge`: a VLAN of the switch. `host`: the host's own interfaces. `none`: no network. The last two have no members.",
    }),
    vlan: vid.nullable().openapi({ description: 'The VLAN of the switch; null for `host` and `none`.', example: 4094 }),
    subnets: z.array(subnet).openapi({ description: 'Pools of addresses.' }),
    ...settings,
    gateway: gatewayView.nullable().openapi({
      description: "The host's place in the network; null: it has not come up, which it does with the first member.",
    }),
    sysctls: z.array(sysctl).openapi({
      description: "Settings of the host's kernel that networks needed changed; put back when no network needs them.",
    }),
    containers: z.array(endpointView).openapi({ description: 'The members, in the order they came.' }),
  })
  .openapi('Network');
