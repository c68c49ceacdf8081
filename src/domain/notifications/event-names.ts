// Why: users, Horizon's Action Log and scripts know the events of an action by the names that Nova gives them. A step that does
// what one of Nova's does bears its name; one that Nova has not, or does not record, bears the action's and its own.

/** By action and step; an action has no name twice, since the events are how a saga is found again. Every saga has a row. */
export const eventNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  create: { place: 'conductor_schedule_and_build_instances', build: 'compute__do_build_and_run_instance' },
  delete: { guest: 'compute_terminate_instance', switch_off: 'compute_soft_delete_instance' },
  restore: { guest: 'compute_restore_instance' },
  start: { guest: 'compute_start_instance' },
  stop: { guest: 'compute_stop_instance' },
  reboot: { guest: 'compute_reboot_instance' },
  pause: { guest: 'compute_pause_instance' },
  unpause: { guest: 'compute_unpause_instance' },
  suspend: { guest: 'compute_suspend_instance' },
  resume: { guest: 'compute_resume_instance' },
  rescue: { guest: 'compute_rescue_instance' },
  unrescue: { guest: 'compute_unrescue_instance' },
  changePassword: { guest: 'compute_set_admin_password' },
  trigger_crash_dump: { guest: 'compute_trigger_crash_dump' },
  attach_interface: { guest: 'compute_attach_interface' },
  detach_interface: { guest: 'compute_detach_interface' },
  createImage: { upload: 'compute_snapshot_instance' },
  createBackup: { upload: 'compute_backup_instance' },
  shelve: { shelve: 'compute_shelve_instance', offload: 'compute_shelve_offload_instance' },
  shelveOffload: { offload: 'compute_shelve_offload_instance' },
  unshelve: { image: 'get_image_info', place: 'schedule_instances', guest: 'compute_unshelve_instance' },
  rebuild: { place: 'rebuild_server', build: 'compute_rebuild_instance' },
  evacuate: { place: 'rebuild_server', build: 'compute_rebuild_instance' },
  resize: {
    place: 'cold_migrate',
    source: 'compute_resize_instance',
    network: 'compute_prep_resize',
    destination: 'compute_finish_resize',
  },
  migrate: {
    place: 'cold_migrate',
    source: 'compute_resize_instance',
    network: 'compute_prep_resize',
    destination: 'compute_finish_resize',
  },
  confirmResize: { source: 'compute_confirm_resize' },
  revertResize: { destination: 'compute_revert_resize', source: 'compute_finish_revert_resize' },
  'live-migration': {
    place: 'conductor_migrate_server',
    move: 'compute_live_migration',
    switch: 'compute_post_live_migration_at_destination',
  },
  // no action of Nova's
  adjust: { guest: 'adjust_guest' },
};

/** The name of a step in the events of its action, as users see it. */
export const eventNameOf = (action: string, step: string): string => eventNames[action]?.[step] ?? `${action}_${step}`;
