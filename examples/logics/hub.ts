/** A hub: every frame goes to every other port of its VLAN, and nobody learns anything. */
import { defineLogic, FLOOD } from 'tswitch/logic';

export default defineLogic({
  name: 'hub',
  description: 'every frame goes to every other port of its VLAN',
  create: () => ({ frame: () => FLOOD }),
});
