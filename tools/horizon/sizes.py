"""Our own panel in Horizon: the size of a server is shown, changed, refused and stored, and the cloud says the same."""
from steps import step
from trouble import Trouble, same, until
from visitor import plain


def walk_through_sizes(cloud, user, server):
    def told():
        return cloud.ask('compute', 'GET', f'os-xloud-adjust/{server}')

    def has(vcpus, memory_mb, status='idle'):
        until(f'{server} is {status}', lambda: told()['status'] == status)
        sizes = told()
        same('its size', (sizes['vcpus']['target'], sizes['memory_mb']['target']), (vcpus, memory_mb))

    def adjust(vcpus, memory_mb, **more):
        user.form(f'/project/sizes/{server}/adjust', server_id=server, vcpus=vcpus, memory_mb=memory_mb, persist='on', may_migrate='', **more)

    def adjusted():
        adjust(3, 768)
        has(3, 768)
        user.get('/project/sizes/', '3 (1 to 4)', '768MB', 'As asked for')

    def until_the_next_reboot():
        path = f'/project/sizes/{server}/adjust'
        answer = user.post(path, {'server_id': server, 'vcpus': 2, 'memory_mb': 512, 'may_migrate': ''})
        user.check(path, answer)
        has(2, 512)
        same('it is kept', told()['persist'], False)

    def refused():
        path = f'/project/sizes/{server}/adjust'
        shown = user.post(path, {'server_id': server, 'vcpus': 5, 'memory_mb': 768, 'persist': 'on', 'may_migrate': ''})
        if 'at most 4 vCPUs' not in plain(shown.text) or shown.history:
            raise Trouble('the form does not say why')
        has(2, 512)

    def stored_while_it_is_off():
        user.press('instances', 'stop', server)
        user.reaches(server, 'SHUTOFF')
        adjust(4, 1024)
        has(4, 1024, 'pending_reboot')
        user.get('/project/sizes/', 'At the next start')
        user.press('instances', 'start', server)
        user.reaches(server, 'ACTIVE')
        has(4, 1024)

    def in_a_window():
        headers = {'X-Requested-With': 'XMLHttpRequest'}
        answer = user.session.get(f'{user.site}/project/sizes/{server}/adjust', headers=headers)
        user.check('the form in a window', answer)
        if 'name="vcpus"' not in answer.text or '<html' in answer.text:
            raise Trouble('it is not the form alone')

    def not_there():
        path = '/project/sizes/00000000-0000-0000-0000-000000000000/adjust'
        answer = user.session.get(user.site + path)
        if 'Unable to retrieve the size' not in answer.text or '/project/instances' not in answer.url:
            raise Trouble(f'{answer.status_code} {answer.url}')

    step('the sizes of servers', user.get, '/project/sizes/', f'sizes__row__{server}', '1 (1 to 4)', '256MB')
    step('the menu of a server', user.get, '/project/instances/', f'/project/sizes/{server}/adjust')
    step('the tab of its size', user.get, f'/project/instances/{server}/?tab=instance_details__size', 'Claimed', '256MB')
    step('a line of the table by itself', user.get, f'/project/sizes/?action=row_update&table=sizes&obj_id={server}', '1 (1 to 4)')
    step('the form in a window', in_a_window)
    step('adjusted', adjusted)
    step('adjusted until the next reboot', until_the_next_reboot)
    step('a size that is refused', refused)
    step('a size for its next start', stored_while_it_is_off)
    step('the size of a server that is not there', not_there)
