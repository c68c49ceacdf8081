// Why: whoever is nobody yet signs in by the identity service; the same form stands before a page whose token has run out.

import { useState } from 'preact/hooks';
import { expired, remembered, session, signIn, store } from '../lib/session.ts';
import { t } from '../lib/words.ts';
import { Field, Form } from '../parts/dialog.tsx';
import { Logo } from '../parts/icons.tsx';

const LAST = 'xloud.user';

interface Last {
  readonly user: string;
  readonly domain: string;
}

export function SignIn() {
  const last = remembered<Last>(LAST);
  const [user, setUser] = useState(session.value?.userName ?? last?.user ?? '');
  const [domain, setDomain] = useState(last?.domain ?? '');
  const [password, setPassword] = useState('');
  return (
    <main class="sign-in">
      <section class="sign-in-card" aria-labelledby="sign-in-title">
        <Logo />
        <h1 id="sign-in-title">{t('signin.title')}</h1>
        <p class="muted">{expired.value ? t('signin.expired') : t('signin.lead')}</p>
        <Form
          action={t('signin.action')}
          disabled={user === '' || password === ''}
          onSubmit={async () => {
            await signIn({ user, password, domain });
            store('local', LAST, { user, domain });
            setPassword('');
          }}
        >
          <Field label={t('signin.user')}>
            <input
              name="user"
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              required
              value={user}
              onInput={(event) => setUser(event.currentTarget.value)}
            />
          </Field>
          <Field label={t('signin.password')}>
            <input
              name="password"
              type="password"
              autocomplete="current-password"
              required
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
          </Field>
          <Field label={t('signin.domain')}>
            <input
              name="domain"
              autocapitalize="none"
              spellcheck={false}
              placeholder="Default"
              value={domain}
              onInput={(event) => setDomain(event.currentTarget.value)}
            />
          </Field>
        </Form>
      </section>
    </main>
  );
}
