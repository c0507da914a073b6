;;; eglot.el --- what the tests of eglot have in common  -*- lexical-binding: t -*-
;; Run as: emacs -Q --batch -l spark-lsp.el -l eglot.el FILE FORM; the buffer's text goes to FILE.out.

(require 'eglot)
(setq make-backup-files nil create-lockfiles nil native-comp-jit-compilation nil)
(defconst patience (string-to-number (or (getenv "PATIENCE_S") "60")) "The seconds to wait for one condition.")
(setq eglot-connect-timeout patience jsonrpc-default-request-timeout patience)

(defun wait-for (what condition)
  "Let the server speak until CONDITION gives something; WHAT says for what."
  (let ((end (+ (float-time) patience)) found)
    (while (not (setq found (funcall condition)))
      (when (> (float-time) end) (error "Not within %d s: %s" patience what))
      (accept-process-output nil 0.02))
    found))

(defun connect ()
  "Have the server manage this buffer, and wait until an engine answers."
  (apply #'eglot (eglot--guess-contact))
  (wait-for "an engine" (lambda () (not (string-empty-p (or (plist-get spark-lsp-status :engine) ""))))))

(defun act (title)
  "Run the code action TITLE at point, and wait until it has changed the text."
  (let ((before (buffer-string))
        (actions (eglot-code-actions (point) (point))))
    (eglot-execute (eglot-current-server)
                   (seq-find (lambda (each) (equal (plist-get each :title) title)) actions))
    (wait-for title (lambda () (not (equal before (buffer-string)))))))

(defun until-changed (work)
  "Call WORK, and wait until the text is another one."
  (let ((before (buffer-string)))
    (funcall work)
    (wait-for "a change" (lambda () (not (equal before (buffer-string)))))))

(defun complete ()
  "Accept the first item of the menu at point, as a completion front end does."
  (pcase-let* ((`(,start ,end ,table . ,more) (eglot-completion-at-point))
               (item (car (all-completions (buffer-substring start end) table (plist-get more :predicate)))))
    (unless item (error "No completion"))
    (delete-region start end)
    (insert item)
    (funcall (plist-get more :exit-function) item 'finished)))

(let ((file (pop command-line-args-left))
      (form (pop command-line-args-left)))
  (find-file file)
  (buffer-enable-undo)
  (connect)
  (undo-boundary)
  (eval (read form) t)
  (let ((text (buffer-string)))
    (with-temp-file (concat file ".out") (insert text)))
  (set-buffer-modified-p nil)
  (eglot-shutdown (eglot-current-server)))
