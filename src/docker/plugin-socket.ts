/** Where Docker looks for plugins. Apart from the plugin, as the command line names it without being one. */
export const PLUGIN_SOCKET_DEFAULT = '/run/docker/plugins/tswitch.sock';
