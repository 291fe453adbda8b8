// A single-page app: each page that it shows is one page view, and buying is an event.

import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { load } from '@pixelgate/tag';

const SERVER = 'https://px.pixelgate.example';
const PIXEL = 'o8z6j';

/** Commands for the tag, which is loaded once. React runs effects twice while developing: it is one page view all the same. */
function useTag() {
  useEffect(() => {
    load(SERVER)('config', PIXEL);
  }, []);
  return (...command) => load(SERVER)(...command);
}

function Shop() {
  const twq = useTag();
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const moved = () => setPath(location.pathname);
    addEventListener('popstate', moved);
    return () => removeEventListener('popstate', moved);
  }, []);

  const go = (to) => {
    // The tag notices by itself.
    history.pushState(null, '', to);
    setPath(to);
  };
  const buy = () => {
    twq('event', 'tw-o8z6j-o87ne', { value: 29, currency: 'EUR', conversion_id: 'order-2' });
    go('/thanks');
  };

  if (path === '/thanks') return <h1>Thank you</h1>;
  if (path === '/cup') return <button onClick={buy}>Buy</button>;
  return <button onClick={() => go('/cup')}>Look at the cup</button>;
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Shop />
  </StrictMode>,
);
