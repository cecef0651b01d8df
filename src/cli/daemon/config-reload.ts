/** `serve --config FILE` on SIGHUP. */
import type { Log } from '../../control/log.ts';
import type { SwitchControl } from '../../control/model.ts';
import { type ConfigAtStart, readConfigAtStart } from './config-at-start.ts';
import type { Reloadable } from './reload.ts';

/**
 * Applies the file as a whole, or not at all, where it has changed. Where it has not, nobody means it: then what the API has
 * changed since stays.
 */
export function reloadableConfig(file: string, atStart: ConfigAtStart, control: SwitchControl, log: Log): Reloadable {
  let { text } = atStart;
  return {
    name: 'configuration',
    async reload() {
      const now = await readConfigAtStart(file);
      if (now.text === text) return;
      try {
        const { actions } = await control.applyConfig(now.document);
        text = now.text;
        log.info('configuration applied', { file, actions: actions.length });
      } catch (error) {
        throw now.explain(error);
      }
    },
  };
}
