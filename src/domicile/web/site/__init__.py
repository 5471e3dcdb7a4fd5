"""The members' pages: plain HTML that works without JavaScript, in any browser, in light and dark."""
