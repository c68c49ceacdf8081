// Why: images by Glance's rules: a project's members make and change its images, its readers look, and only administrators
// publish to everybody.

import { ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule } from './base.ts';

/** Who may see an image: its project, one that it is shared with, everybody where it is public or community. */
export const IMAGE_READER_OR_ADMIN =
  'rule:context_is_admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s or ' +
  "'public':%(visibility)s or 'community':%(visibility)s))";
export const IMAGE_MEMBER_OR_ADMIN = IMAGE_READER_OR_ADMIN.replace('role:reader', 'role:member');
/** Agents bring images to hosts, and copies of disks back, whoever's they are. */
export const IMAGE_READER_OR_SERVICE = `${IMAGE_READER_OR_ADMIN} or rule:service_api`;
export const IMAGE_MEMBER_OR_SERVICE = `${IMAGE_MEMBER_OR_ADMIN} or rule:service_api`;
export const PROJECT_MEMBER_OR_SERVICE = `${PROJECT_MEMBER_OR_ADMIN} or rule:service_api`;
/** Of a shared image: its project, or the one that it is shared with. */
export const SHARED_READER_OR_ADMIN =
  'rule:context_is_admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))';
/** The project that an image is shared with. */
export const SHARED_MEMBER_OR_ADMIN = 'rule:context_is_admin or (role:member and project_id:%(member_id)s)';

export const rules = [
  rule('get_images', PROJECT_READER_OR_ADMIN, 'List images. Only those that get_image lets through are listed.'),
  rule('get_image', IMAGE_READER_OR_SERVICE, 'Show an image. Who may not is told that there is none.'),
  rule('add_image', PROJECT_MEMBER_OR_ADMIN, 'Make an image.'),
  rule('modify_image', PROJECT_MEMBER_OR_ADMIN, 'Change an image: its attributes, properties and tags.'),
  rule('publicize_image', ADMIN, 'Make an image public.'),
  rule('communitize_image', PROJECT_MEMBER_OR_ADMIN, 'Make an image one of the community.'),
  rule('delete_image', PROJECT_MEMBER_OR_ADMIN, 'Delete an image.'),
  rule('upload_image', PROJECT_MEMBER_OR_SERVICE, "Upload an image's data."),
  rule('download_image', IMAGE_MEMBER_OR_SERVICE, "Download an image's data."),
  rule('deactivate', PROJECT_MEMBER_OR_ADMIN, 'Deactivate an image: its data is then for administrators alone.'),
  rule('reactivate', PROJECT_MEMBER_OR_ADMIN, 'Activate a deactivated image again.'),
  rule('get_members', SHARED_READER_OR_ADMIN, 'List the projects that an image is shared with.'),
  rule('get_member', SHARED_READER_OR_ADMIN, 'Show one project that an image is shared with.'),
  rule('add_member', PROJECT_MEMBER_OR_ADMIN, 'Share an image with a project.'),
  rule('modify_member', SHARED_MEMBER_OR_ADMIN, 'Accept or reject an image that is shared with the project.'),
  rule('delete_member', PROJECT_MEMBER_OR_ADMIN, 'Share an image with a project no more.'),
  rule('get_metadef_namespaces', PROJECT_READER_OR_ADMIN, 'List the namespaces of metadata definitions.'),
  rule('get_metadef_namespace', PROJECT_READER_OR_ADMIN, 'Show a namespace of metadata definitions.'),
  rule('list_metadef_resource_types', PROJECT_READER_OR_ADMIN, 'List the kinds of things that have metadata.'),
  rule('get_metadef_resource_type', PROJECT_READER_OR_ADMIN, 'List the kinds of things that a namespace is for.'),
  rule('get_metadef_properties', PROJECT_READER_OR_ADMIN, 'List the properties that a namespace defines.'),
  rule('get_metadef_objects', PROJECT_READER_OR_ADMIN, 'List the objects that a namespace defines.'),
  rule('get_metadef_tags', PROJECT_READER_OR_ADMIN, 'List the tags that a namespace defines.'),
] as const;
