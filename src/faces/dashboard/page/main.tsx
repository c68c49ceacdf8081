// Why: here the page begins: a request to sign in, or the view of the address.

import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { parts, path } from './lib/route.ts';
import { adopt, expired, session } from './lib/session.ts';
import { LANGUAGE, t, tryKey } from './lib/words.ts';
import { Backups } from './views/backups.tsx';
import { Empty } from './views/empty.tsx';
import { HealthPage } from './views/health.tsx';
import { Hosts } from './views/hosts.tsx';
import { Networks } from './views/networks.tsx';
import { Policies } from './views/policies.tsx';
import { PricesAndUsage } from './views/prices.tsx';
import { Project } from './views/project.tsx';
import { Server } from './views/server.tsx';
import { Servers } from './views/servers.tsx';
import { Shell } from './views/shell.tsx';
import { SignIn } from './views/sign-in.tsx';

function View() {
  const [place = 'servers', id, more] = parts.value;
  switch (place) {
    case 'servers':
      return id === undefined || id === 'launch' ? (
        <Servers launching={id === 'launch'} />
      ) : (
        <Server id={id} tab={more} />
      );
    case 'networks':
      return <Networks />;
    case 'backups':
      return <Backups />;
    case 'policies':
      return <Policies />;
    case 'project':
      return <Project />;
    case 'hosts':
      return <Hosts />;
    case 'prices':
      return <PricesAndUsage />;
    case 'health':
      return <HealthPage />;
    default:
      return <Empty />;
  }
}

function App() {
  const here = path.value;
  useEffect(() => {
    const [place = 'servers'] = parts.value;
    document.title = [tryKey(`nav.${place}`), t('title')].filter(Boolean).join(' · ');
    scrollTo(0, 0);
  }, [here]);
  if (session.value === null || expired.value) return <SignIn />;
  return (
    <Shell>
      <View />
    </Shell>
  );
}

document.documentElement.lang = LANGUAGE;
document.title = t('title');
const app = document.getElementById('app');
await adopt();
if (app !== null) render(<App />, app);
