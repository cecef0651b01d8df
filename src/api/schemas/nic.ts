/** NICs that namespaces have for themselves, as HTTP shows and takes them. */
import { z } from '@hono/zod-openapi';
import { flag, list, strictObject } from './common.ts';
import { address, ifname, interfaceAddress, mac, netns } from './network.ts';

const ADDRESSES_MAX = 64;

export const nicName = ifname.openapi({ description: 'Name of the NIC in the host.', example: 'eth1' });

const place = {
  ifname: ifname.openapi({
    description: 'Its name in the namespace; by default the one that it has.',
    example: 'eth1',
  }),
  addresses: list(interfaceAddress, ADDRESSES_MAX).openapi({
    description: 'Addresses there, with prefix length. None by default.',
    example: ['192.0.2.5/24'],
  }),
  gateway: address.openapi({ description: 'Default route there; none by default.', example: '192.0.2.1' }),
};

const wanted = {
  ifname: place.ifname.optional(),
  addresses: place.addresses.optional(),
  gateway: place.gateway.optional(),
  force: flag().optional().openapi({
    description: "Even if the host's own default route goes by it. False by default.",
  }),
};

export const nicRequest = strictObject({
  container: netns.openapi({
    description: 'The network namespace: a name under /run/netns, the path of a namespace file, or a pid.',
    example: 'red',
  }),
  ...wanted,
}).openapi('NicRequest');

export const containerNic = strictObject({ nic: nicName, ...wanted }).openapi('ContainerNic');

export const nicView = z
  .object({
    name: nicName,
    netns: netns.openapi({ description: 'The namespace that has it.', example: 'red' }),
    ...place,
    gateway: place.gateway.nullable().openapi({ description: 'Default route there; null: none.' }),
    mac: mac.openapi({ description: 'Its MAC address.', example: '02:00:00:00:00:01' }),
    state: z.enum(['given', 'lost']).openapi({
      description: '`lost`: neither in its namespace nor in the host, until the kernel brings it back.',
    }),
  })
  .openapi('Nic');
