/** `serve --config FILE` on SIGHUP. */
import type { Log } from '../../control/log.ts';
import type { WholeConfigControl } from '../../networks/model.ts';
import { type ConfigAtStart, readConfigAtStart } from './config-at-start.ts';
import type { Reloadable } from './reload.ts';

/** So many actions are told one by one; `tswitch export` tells what they came to. */
const ACTIONS_LOGGED_MAX = 100;

/**
 * Applies the file as a whole, or not at all, where it has changed. Where it has not, nobody means it: then what the API has
 * changed since stays.
 */
export function reloadableConfig(
  file: string,
  atStart: ConfigAtStart,
  config: WholeConfigControl,
  log: Log,
): Reloadable {
  let { text } = atStart;
  return {
    name: 'configuration',
    async reload() {
      const now = await readConfigAtStart(file);
      if (now.text === text) return 'unchanged';
      try {
        const { actions } = await config.apply(now.document);
        text = now.text;
        for (const { text: action, cutsOff } of actions.slice(0, ACTIONS_LOGGED_MAX)) {
          log.info('configuration changed', { action, cutsOff: cutsOff ?? undefined });
        }
        if (actions.length === 0) return 'nothing to do: the switch is as the file says';
        return actions.length === 1 ? '1 action' : `${actions.length} actions`;
      } catch (error) {
        throw now.explain(error);
      }
    },
  };
}
